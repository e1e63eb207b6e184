#include "apps/cli/entity.h"
#include "apps/config/load.h"
#include "apps/config/settings.h"
#include "apps/keys/data_folder.h"
#include "apps/simulate/simulation.h"
#include "apps/version.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <ostream>

namespace twinhub::apps::cli {
namespace {

// The options of `serve`: one a setting, from the table.
std::vector<Option> setting_options() {
    std::vector<Option> options{
        {.name = "config", .other_names = "-c", .about = "The configuration file"}};
    for (const Setting& setting : settings()) {
        Option option{.name = setting.flag().substr(2), .about = std::string(setting.about)};
        if (std::holds_alternative<bool Config::*>(setting.field)) option.takes = Takes::flag;
        if (std::holds_alternative<std::vector<std::string> Config::*>(setting.field))
            option.takes = Takes::many;
        options.push_back(std::move(option));
    }
    return options;
}

Loaded load_for(Context& context) {
    Sources sources;
    sources.variable = context.around().variable;
    if (context.arguments().has("config")) sources.file = context.arguments().text("config");
    else if (const char* file = context.around().variable("TWINHUB_CONFIG")) sources.file = file;
    for (const Setting& setting : settings()) {
        const std::string name = setting.flag().substr(2);
        if (context.arguments().has(name))
            sources.flags[std::string(setting.path)] = context.arguments().list(name);
    }
    return load(sources);
}

Outcome mistakes_of(const Loaded& loaded) {
    return Outcome::usage(fmt::format("{}", fmt::join(loaded.mistakes, "\n")));
}

Outcome serve(Context& context) {
    const Loaded loaded = load_for(context);
    if (!loaded.mistakes.empty()) return mistakes_of(loaded);
    const int code = context.around().serve(loaded.config);
    Outcome outcome;
    outcome.exit = code == 0 ? Exit::good : Exit::refused;
    return outcome;
}

Outcome check_config(Context& context) {
    Loaded loaded = load_for(context);
    std::ranges::move(check_key_material(loaded.config, context.clock().now()),
                      std::back_inserter(loaded.mistakes));
    if (!loaded.mistakes.empty()) return mistakes_of(loaded);
    return Outcome::print(loaded.file.empty() ? "good (no file: defaults, environment and flags)\n"
                                              : loaded.file + ": good\n");
}

Outcome show_config(Context& context) {
    const Loaded loaded = load_for(context);
    if (!loaded.mistakes.empty()) return mistakes_of(loaded);
    return Outcome::print(to_yaml(loaded.config));
}

volatile std::sig_atomic_t interrupted = 0;

// A share of the fleet, 0 to 1. Errors: argument_invalid.
Result<double> share_of(const Arguments& arguments, const char* name) {
    const std::string text = arguments.text(name);
    double share = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
    if (error != std::errc{} || end != text.data() + text.size() || !(share >= 0 && share <= 1))
        return failure(Code::argument_invalid,
                       fmt::format("--{} is a share from 0 to 1, not '{}'", name, text));
    return share;
}

Result<SimulationOptions> simulation_options(Context& context) {
    const Arguments& arguments = context.arguments();
    SimulationOptions options;
    TRY(options.devices, number_of(arguments, "devices", 1, 100'000));
    TRY(options.seed, number_of(arguments, "seed", 0, UINT64_MAX));
    TRY(options.shares.offline, share_of(arguments, "offline-share"));
    TRY(options.shares.late, share_of(arguments, "late-share"));
    TRY(options.shares.refuse, share_of(arguments, "refuse-share"));
    if (options.shares.offline + options.shares.late + options.shares.refuse > 1)
        return failure(Code::argument_invalid, "the shares add up to more than 1");
    Config probe;
    const Setting delay{
        .path = "delay", .field = &Config::drain_timeout, .about = "", .max = 86'400'000};
    const std::vector<std::string> text{arguments.text("delay")};
    if (auto done = assign(delay, probe, text); !done)
        return failure(Code::argument_invalid, "--delay " + done.error().message);
    options.delay = probe.drain_timeout;
    options.prefix = arguments.text("prefix");
    if (auto transports = parse_transports(arguments.text("transports"))) {
        options.transports = std::move(*transports);
    } else {
        return failure(transports.error().code, "--transports: " + transports.error().message);
    }
    TRY(const DeviceId prefix, DeviceId::parse(options.prefix));
    options.prefix = prefix.text();
    TRY(options.target, context.target());
    const Config local = context.local().config;
    options.mqtt = options.target.endpoint;
    const bool is_local = !options.target.endpoint.address.empty();
    options.mqtt.port = is_local ? local.mqtt_port.value_or(8883) : std::uint16_t{8883};
    if (arguments.has("mqtt-port")) {
        TRY(const std::uint64_t port, number_of(arguments, "mqtt-port", 1, 65'535));
        options.mqtt.port = static_cast<std::uint16_t>(port);
    }
    options.amqp = options.mqtt;
    options.amqp.port = is_local ? local.amqp_port.value_or(5671) : std::uint16_t{5671};
    if (arguments.has("amqp-port")) {
        TRY(const std::uint64_t port, number_of(arguments, "amqp-port", 1, 65'535));
        options.amqp.port = static_cast<std::uint16_t>(port);
    }
    if (!arguments.has("no-provisioning")) {
        TRY(options.provisioning, context.provisioning_target("dps-login"));
    }
    return options;
}

Outcome simulate(Context& context) {
    auto options = simulation_options(context);
    if (!options) return outcome_of(options.error());
    std::ostream& out = context.around().out;
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    options->say_every = terminal ? std::chrono::seconds{1} : std::chrono::seconds{10};
    options->say = [&out, terminal](std::string_view line) {
        if (terminal) out << "\r\x1b[K" << line << std::flush;
        else out << line << std::endl;
    };
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { interrupted = 1; });
    Simulation simulation(std::move(*options));
    while (!interrupted && !simulation.wait_for(std::chrono::milliseconds{200})) {}
    simulation.stop();
    if (terminal) out << "\n";
    const auto ended = simulation.wait();
    return ended || interrupted ? Outcome::nothing() : outcome_of(ended.error());
}

}  // namespace

std::vector<Command> server_commands() {
    const Option device{.name = "device-id", .other_names = "-d", .about = "Only of this device"};
    return {
        {.words = "serve",
         .about = "Runs the hub",
         .options = setting_options(),
         .run = serve,
         .talks_to_hub = false},
        {.words = "config check",
         .about = "Names every mistake in the configuration",
         .options = setting_options(),
         .run = check_config,
         .talks_to_hub = false},
        {.words = "config show",
         .about = "The configuration in force, as a file",
         .options = setting_options(),
         .run = show_config,
         .talks_to_hub = false},
        {.words = "config document",
         .about = "docs/configuration.md",
         .options = {},
         .run = [](Context&) { return Outcome::print(to_markdown()); },
         .talks_to_hub = false},
        {.words = "simulate",
         .about = "Runs a fleet of simulated greenhouse sensors until Ctrl-C",
         .options =
             {{.name = "devices", .about = "How many", .fallback = "24"},
              {.name = "delay", .about = "Typical time until a wish is applied", .fallback = "3s"},
              {.name = "offline-share",
               .about = "Share of devices that go away and come back",
               .fallback = "0.15"},
              {.name = "late-share",
               .about = "Share that takes twenty times as long",
               .fallback = "0.15"},
              {.name = "refuse-share",
               .about = "Share that refuses new firmware",
               .fallback = "0.05"},
              {.name = "seed", .about = "The same seed gives the same fleet", .fallback = "1"},
              {.name = "prefix", .about = "How device names begin", .fallback = "greenhouse"},
              {.name = "transports",
               .about = "How the devices connect, in turn: mqtt, mqtt-ws, amqp, amqp-ws",
               .fallback = "mqtt,mqtt-ws,amqp,amqp-ws"},
              {.name = "dps-login",
               .about = "Connection string of the provisioning service, when it is not that of "
                        "this machine"},
              {.name = "no-provisioning",
               .about = "Make the identities in the registry instead of provisioning them",
               .takes = Takes::none},
              {.name = "mqtt-port", .about = "MQTT port, when it is not 8883"},
              {.name = "amqp-port", .about = "AMQP port, when it is not 5671"}},
         .run = simulate},
        {.words = "version",
         .about = "The release",
         .options = {},
         .run = [](Context&) { return Outcome::print(fmt::format("twinhub {}\n", version)); },
         .talks_to_hub = false},
    };
}

}  // namespace twinhub::apps::cli

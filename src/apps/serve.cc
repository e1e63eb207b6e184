#include "apps/serve.h"

#include "apps/keys/data_folder.h"
#include "apps/keys/pid_file.h"
#include "apps/server.h"
#include "apps/simulate/simulation.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace twinhub::apps {
namespace {

int refuse(const Error& error) {
    std::fprintf(stderr, "twinhub: %s%s%s\n", error.message.c_str(),
                 error.where.empty() ? "" : " at ", error.where.c_str());
    return 1;
}

void say(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!text.ends_with('\n')) std::fputc('\n', stdout);
    std::fflush(stdout);
}

// What is wrong now leaves what was right before in force.
void reload(const Config& config, Server& server, const Clock& clock, Log& log) {
    const auto refused = [&log](const Error& error) {
        log.error("server.reload_refused", {{"what", error.message}, {"where", error.where}});
    };
    // The certificates only: policies that are gone are a mistake, not a wish for new keys.
    const auto prepared = prepare_certificates(config, clock.now());
    if (!prepared) return refused(prepared.error());
    for (const std::string& warning : prepared->warnings)
        log.warn("data_folder.warning", {{"what", warning}});
    const auto keys = load_key_material(config, clock.now());
    if (!keys) return refused(keys.error());
    if (const Result<> taken = server.reload(*keys); !taken) return refused(taken.error());
    log.info("server.reloaded");
}

}  // namespace

int serve(const Config& config) {
    SystemClock clock;
    SystemRandom random;
    Log log;
    log.configure(config.log_level, config.log_format);

    // Signals are taken here, in order, and by no other thread.
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, number);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);

    // Held before anything is made: a second server must not change the files of the first.
    if (const Result<> made = make_data_folder(config); !made) return refuse(made.error());
    const auto held = PidFile::hold(config.pid_path());
    if (!held) return refuse(held.error());
    const auto prepared = prepare_data_folder(config, random, clock.now());
    if (!prepared) return refuse(prepared.error());
    for (const std::string& file : prepared->made) log.info("data_folder.made", {{"file", file}});
    for (const std::string& warning : prepared->warnings)
        log.warn("data_folder.warning", {{"what", warning}});
    const auto keys = load_key_material(config, clock.now());
    if (!keys) return refuse(keys.error());
    for (const std::string& warning : keys->warnings) log.warn("keys.warning", {{"what", warning}});

    auto server = Server::start(config, *keys, clock, random, log);
    if (!server) {
        refuse(server.error());
        if (prepared->first_start)
            std::fprintf(
                stderr,
                "twinhub: the keys are made; once it runs, 'twinhub hub connection-string' "
                "shows the owner's\n");
        return 1;
    }
    if (prepared->first_start) say(welcome_text(config, keys->policies));

    std::unique_ptr<Simulation> fleet;
    if (config.demo) {
        const auto owner = std::ranges::find(keys->policies, "iothubowner", &hub::Policy::name);
        if (owner == keys->policies.end())
            return refuse({Code::not_found, "The demo needs the policy iothubowner", {}});
        const Server::Ports& ports = (*server)->ports();
        DemoOptions demo{.config = config,
                         .owner = *owner,
                         .https_port = ports.https,
                         .mqtt_port = ports.mqtt,
                         .amqp_port = ports.amqp,
                         .say = say};
        const auto provisioning =
            std::ranges::find(keys->policies, "provisioningserviceowner", &hub::Policy::name);
        if (config.provisioning_enabled && provisioning != keys->policies.end())
            demo.provisioning = *provisioning;
        fleet = start_demo(demo);
        say(demo_text(demo));
    }

    while (true) {
        // Once a day the certificates are looked at too: those made here are renewed in time.
        const timespec day{.tv_sec = 24 * 60 * 60, .tv_nsec = 0};
        const int number = ::sigtimedwait(&signals, nullptr, &day);
        if (number == SIGTERM || number == SIGINT) {
            log.info("server.stopping", {{"signal", number}});
            break;
        }
        if (number == SIGHUP || errno == EAGAIN) reload(config, **server, clock, log);
    }
    fleet.reset();
    (*server)->stop();
    return 0;
}

}  // namespace twinhub::apps

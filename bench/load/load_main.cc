#include "options.h"

#include <CLI/CLI.hpp>
#include <sys/resource.h>

#include <csignal>

namespace twinhub::load {
namespace {

void raise_descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void add_target(CLI::App& mode, Options& options) {
    mode.add_option("--address", options.target.address, "IPv4 address of the server");
    mode.add_option("--port", options.target.port,
                    "Port; 8883 for MQTT and 443 for REST when not given");
    mode.add_option("--hub-name", options.target.name, "Host name of the hub, and SNI");
    mode.add_option("--ca", options.target.ca_file,
                    "CA that the server's certificate is checked against");
    mode.add_option("--server-pid", options.drive.servers,
                    "Process whose CPU (with its children) and memory is measured; repeatable");
    mode.add_option("--first", options.first, "Number of the first device");
    mode.add_option("--devices", options.devices, "How many devices, load-FIRST and up");
}

void add_mqtt(CLI::App& mode, Options& options) {
    add_target(mode, options);
    mode.add_flag("!--no-sign-in", options.signs_in, "Send no user name and password");
    mode.add_option("--connect-at-once", options.connect_at_once,
                    "Connections being made at a time");
    mode.add_option("--connect-seconds-max", options.connect_seconds_max);
    mode.add_option("--qos1-publish", options.puback_topic,
                    "Publish QoS 1 to this topic ({id}) and wait for PUBACK");
    auto* const request = mode.add_option("--request-topic", options.request_topic,
                                          "Topic of a patch, with {id} and {rid}");
    mode.add_option("--get-topic", options.get_topic, "Topic of a get, with {id} and {rid}");
    auto* const response =
        mode.add_option("--response-topic", options.response_topic,
                        "Answers come on this topic followed by /{status}/{rid}");
    request->needs(response);
    response->needs(request);
}

void add_window(CLI::App& mode, Options& options) {
    mode.add_option("--warm-up", options.drive.warm_up_seconds, "Seconds before measuring");
    mode.add_option("--seconds", options.drive.seconds, "Seconds of measuring");
}

void add_requests(CLI::App& mode, Options& options) {
    mode.add_option("--rate", options.drive.rate,
                    "Open loop: requests a second over all connections");
    mode.add_option("--get-share", options.drive.get_share,
                    "Share of gets among the requests, 0..1");
    mode.add_flag("--report-first", options.drive.whole_report_first,
                  "Each active device reports its full section before the measuring");
}

void add_rest(CLI::App& mode, Options& options) {
    add_target(mode, options);
    mode.add_option("--connections", options.connections, "Keep-alive connections");
    mode.add_option("--connection-string", options.connection_string, "Of a policy that may do it")
        ->envname("TWINHUB_CONNECTION_STRING");
}

void add_query(CLI::App& mode, Options& options) {
    add_rest(mode, options);
    add_window(mode, options);
    mode.add_option("--query", options.query, "Its text")->required();
    mode.add_option("--page-items", options.page_items, "Rows on a page; the first is asked for");
    mode.add_option("--repeats", options.repeats, "So many answers instead of for some seconds");
}

int run(int count, char** arguments) {
    Options options;
    CLI::App app("Measures a twin hub, or its peers, from the device's and the operator's side");
    app.require_subcommand(1);

    CLI::App& patch = *app.add_subcommand("patch", "Reported patches (and gets) of many devices");
    add_mqtt(patch, options);
    add_window(patch, options);
    add_requests(patch, options);
    std::string loop = "closed";
    patch.add_option("--mode", loop, "closed, or open with --rate")
        ->check(CLI::IsMember({"closed", "open"}));
    patch.add_option("--pipeline", options.drive.pipeline,
                     "Closed loop: requests in flight on a connection");
    patch.add_option("--versions", options.versions_file,
                     "Write what was acknowledged, for verify");

    CLI::App& connect = *app.add_subcommand("connect", "Connect, subscribe, leave, again");
    add_mqtt(connect, options);
    add_window(connect, options);
    connect.add_flag("--resume", options.target.resume, "Resume TLS sessions");

    CLI::App& hold = *app.add_subcommand("hold", "Connect and stay: memory of idle connections");
    add_mqtt(hold, options);
    add_window(hold, options);
    add_requests(hold, options);
    hold.add_option("--settle", options.settle_seconds,
                    "Seconds to wait before reading the memory");
    hold.add_flag("--amqp", options.amqp, "Connect over AMQP instead, idle only");
    hold.add_option("--active-share", options.active_share,
                    "Share of the devices that then send, at --rate");

    CLI::App& storm = *app.add_subcommand(
        "storm", "All devices register themselves over MQTT, then connect to the hub and stay");
    add_mqtt(storm, options);
    storm
        .add_option("--id-scope", options.id_scope,
                    "Of a provisioning service with an enrollment group of the key that group-key "
                    "prints")
        ->required();
    storm.add_option("--stay", options.stay_seconds,
                     "Seconds to stay when all are connected, before all leave at once");

    const CLI::App& group = *app.add_subcommand(
        "group-key", "The key (public: for throw-away fleets) that the devices' keys come from");

    CLI::App& rest_get = *app.add_subcommand("rest-get", "Operators that read twins");
    add_rest(rest_get, options);
    add_window(rest_get, options);
    rest_get.add_option("--rate", options.drive.rate,
                        "Reads a second at fixed moments, over all connections; else one after "
                        "the other on each");

    CLI::App& prepare = *app.add_subcommand("prepare", "Create the devices");
    add_rest(prepare, options);
    prepare.add_flag("--twins", options.twins, "With an initial twin of about 1.2 KB");

    CLI::App& verify =
        *app.add_subcommand("verify", "Check that every acknowledged patch is there");
    add_rest(verify, options);
    verify.add_option("--versions", options.versions_file)->required();

    CLI::App& print_twins =
        *app.add_subcommand("print-twins", "id, tags, desired, reported: a TAB between");
    add_target(print_twins, options);

    CLI::App& query = *app.add_subcommand("query", "Operators that ask a query, closed loop");
    add_query(query, options);

    CLI::App& freshness = *app.add_subcommand(
        "freshness", "A device reports a number; a query begun after the answer must see it");
    add_mqtt(freshness, options);
    freshness.add_option("--rest-port", options.rest_port, "Port of the service door");
    freshness
        .add_option("--connection-string", options.connection_string, "Of a policy that may query")
        ->envname("TWINHUB_CONNECTION_STRING");
    freshness.add_option("--rounds", options.rounds, "Reports, over all devices");
    freshness
        .add_option("--form", options.freshness,
                    "How the query finds it: by column, projection or twin, or all in turn")
        ->check(CLI::IsMember({"all", "column", "projection", "twin"}));

    CLI::App& fleet =
        *app.add_subcommand("fleet", "The measured fleet, a device a line as for bulk creation");
    add_target(fleet, options);
    fleet.add_flag("--truth", options.truth, "The right answers of its queries instead");

    CLI11_PARSE(app, count, arguments);
    options.open_loop = loop == "open";
    if (patch.parsed() && options.open_loop != (options.drive.rate > 0)) {
        std::cerr << "twinhub_load: --mode open and --rate go together\n";
        return 2;
    }
    const bool speaks_mqtt =
        patch.parsed() || connect.parsed() || hold.parsed() || storm.parsed() || freshness.parsed();
    if (options.target.port == 0)
        options.target.port = options.amqp ? 5671 : speaks_mqtt ? 8883 : 443;

    if (patch.parsed()) return run_patch(options);
    if (connect.parsed()) return run_connect(options);
    if (hold.parsed()) return run_hold(options);
    if (storm.parsed()) return run_storm(options);
    if (group.parsed()) {
        std::puts(group_key().c_str());
        return 0;
    }
    if (rest_get.parsed()) return run_rest_get(options);
    if (prepare.parsed()) return run_prepare(options);
    if (verify.parsed()) return run_verify(options);
    if (query.parsed()) return run_query(options);
    if (freshness.parsed()) return run_freshness(options);
    if (fleet.parsed()) return run_fleet(options);
    return run_print_twins(options);
}

}  // namespace
}  // namespace twinhub::load

int main(int count, char** arguments) {
    std::signal(SIGPIPE, SIG_IGN);
    twinhub::load::raise_descriptor_limit();
    return twinhub::load::run(count, arguments);
}

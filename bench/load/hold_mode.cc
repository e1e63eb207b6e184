#include "amqp_fleet.h"
#include "options.h"
#include "process_use.h"
#include "report.h"

namespace twinhub::load {
namespace {

std::uint64_t resident_bytes(const std::vector<pid_t>& processes) {
    std::uint64_t sum = 0;
    for (const pid_t process : processes) sum += load::resident_bytes(process);
    return sum;
}

// What the servers take for idle connections, whatever these speak.
template <class Fleet>
JsonLine hold(Reactor& reactor, Fleet& fleet, const Options& options) {
    const auto& servers = options.drive.servers;
    const std::uint64_t before = resident_bytes(servers);
    const std::size_t connected =
        fleet.connect_all(options.connect_at_once, options.connect_seconds_max);
    reactor.idle(options.settle_seconds);
    const std::uint64_t after = resident_bytes(servers);
    const std::uint64_t cpu_before = cpu_nanoseconds(servers);
    reactor.idle(options.settle_seconds);
    const std::uint64_t cpu_after = cpu_nanoseconds(servers);

    JsonLine line;
    line.add("mode", "hold")
        .add("connections", static_cast<std::uint64_t>(connected))
        .add("still_connected", static_cast<std::uint64_t>(fleet.connected_count()))
        .add("server_rss_before", before)
        .add("server_rss_after", after)
        .add("bytes_per_connection",
             connected == 0 ? 0
                            : (static_cast<double>(after) - static_cast<double>(before)) /
                                  static_cast<double>(connected))
        .add("idle_server_cpu_share",
             static_cast<double>(cpu_after - cpu_before) / 1e9 / options.settle_seconds);
    return line;
}

}  // namespace

int run_hold(const Options& options) {
    Reactor reactor;
    const TlsContext tls(options.target);
    if (options.amqp) {
        AmqpFleet fleet(reactor, tls, options.first, options.devices);
        hold(reactor, fleet, options).add("losses", fleet.losses()).print();
        return fleet.connected_count() != 0 ? 0 : 1;
    }
    const DeviceSettings settings = options.device_settings();
    Fleet fleet(reactor, tls, settings, options.first, options.devices);
    JsonLine line = hold(reactor, fleet, options);
    const bool any = fleet.connected_count() != 0;
    if (options.active_share > 0) {
        const auto active =
            static_cast<std::size_t>(static_cast<double>(options.devices) * options.active_share);
        line.add("active", static_cast<std::uint64_t>(active))
            .add(drive(reactor, fleet, active, options.drive));
    }
    line.add("losses", fleet.losses()).print();
    return any ? 0 : 1;
}

}  // namespace twinhub::load

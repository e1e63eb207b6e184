#include "options.h"
#include "report.h"

#include <fmt/format.h>

#include <fstream>

namespace twinhub::load {
namespace {

// id, last version acknowledged, patches sent: all that `verify` needs.
void write_versions(const std::string& file, Fleet& fleet) {
    std::ofstream out(file, std::ios::trunc);
    for (const auto& device : fleet.devices())
        out << device->id() << ' ' << device->acknowledged_version() << ' '
            << device->patches_sent() << '\n';
}

}  // namespace

Requests Options::requests() const {
    if (!puback_topic.empty()) return Requests::puback(puback_topic);
    if (!request_topic.empty()) return Requests::topics(request_topic, get_topic, response_topic);
    return Requests::twin();
}

int run_patch(const Options& options) {
    Reactor reactor;
    const TlsContext tls(options.target);
    const DeviceSettings settings = options.device_settings();
    Fleet fleet(reactor, tls, settings, options.first, options.devices);
    const std::size_t connected =
        fleet.connect_all(options.connect_at_once, options.connect_seconds_max);
    const Measured measured = drive(reactor, fleet, options.devices, options.drive);
    if (!options.versions_file.empty()) write_versions(options.versions_file, fleet);
    JsonLine()
        .add("mode", options.open_loop ? std::string_view("open") : "closed")
        .add("connections", static_cast<std::uint64_t>(connected))
        .add(measured)
        .add("losses", fleet.losses())
        .print();
    return measured.operations() != 0 ? 0 : 1;
}

}  // namespace twinhub::load

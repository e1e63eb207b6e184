#include "apps/keys/data_folder.h"
#include "apps/simulate/simulation.h"

#include <fmt/format.h>

namespace twinhub::apps {
namespace {

std::string loopback_of(const Config& config) {
    for (const std::string& address : config.listen_addresses)
        if (address == "0.0.0.0" || address == "127.0.0.1") return "127.0.0.1";
    for (const std::string& address : config.listen_addresses)
        if (address == "::" || address == "::1") return "::1";
    return config.listen_addresses.empty() ? "127.0.0.1" : config.listen_addresses.front();
}

}  // namespace

std::unique_ptr<Simulation> start_demo(DemoOptions options) {
    const Config& config = options.config;
    SimulationOptions fleet;
    fleet.target.connection = {.host = config.hub_name,
                               .port = options.https_port,
                               .policy = options.owner.name,
                               .key = options.owner.primary_key};
    fleet.target.endpoint = {config.hub_name, options.https_port, loopback_of(config)};
    fleet.target.ca_file =
        config.tls_certificates.empty() ? (config.data() / "ca.pem").string() : "";
    fleet.mqtt = {config.hub_name, options.mqtt_port, loopback_of(config)};
    fleet.amqp = {config.hub_name, options.amqp_port, loopback_of(config)};
    fleet.transports = {DeviceTransport::mqtt, DeviceTransport::mqtt_ws, DeviceTransport::amqp_ws};
    if (options.amqp_port != 0) fleet.transports.push_back(DeviceTransport::amqp);
    if (options.provisioning) {
        fleet.provisioning = fleet.target;
        fleet.provisioning->connection.policy = options.provisioning->name;
        fleet.provisioning->connection.key = options.provisioning->primary_key;
    }
    fleet.devices = config.demo_devices;
    fleet.say_every = std::chrono::minutes{1};
    fleet.hub_within = std::chrono::seconds{60};
    fleet.say = std::move(options.say);
    return std::make_unique<Simulation>(std::move(fleet));
}

std::string demo_text(const DemoOptions& options) {
    const std::string device = device_name({}, 0);
    const std::string data = options.config.data_folder == Config::default_data_folder()
                                 ? ""
                                 : " --data " + options.config.data_folder;
    return fmt::format(R"(
A greenhouse fleet of {0} sensors is connected. In another terminal, try:

  twinhub device-twin list{2} --output table
  twinhub device-twin show{2} -d {1}
  twinhub device-twin update{2} -d {1} --desired '{{"firmware":"2.0.0","setpoint":24}}'
  twinhub device-twin show{2} -d {1}        # a few seconds later: reported.firmware with "ac": 200
  twinhub device-events tail{2}

Some sensors take a minute, some are away and catch up when they return, some refuse new firmware
and say why (reported.firmware.ac and .ad).

)",
                       options.config.demo_devices, device, data);
}

}  // namespace twinhub::apps

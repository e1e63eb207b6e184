#pragma once

#include "apps/client/service_client.h"
#include "apps/config/config.h"
#include "apps/simulate/behaviour.h"
#include "apps/simulate/device.h"
#include "hub/access.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps {

// A greenhouse fleet of simulated sensors.
struct SimulationOptions {
    Target target;  // REST, for making the identities
    // Where the fleet gets its enrollment groups, and each device its hub; without it the
    // identities are made in the registry of `target`.
    std::optional<Target> provisioning;
    gateway::ServerEndpoint mqtt;  // where the devices connect; over WebSocket where `target` is
    gateway::ServerEndpoint amqp;
    std::vector<DeviceTransport> transports{DeviceTransport::mqtt};  // in turn
    std::size_t devices = 24;
    std::string prefix = "greenhouse";
    std::chrono::milliseconds delay{3'000};  // typical, until a wish is applied
    Shares shares;
    std::uint64_t seed = 1;
    std::chrono::milliseconds say_every{1'000};
    std::chrono::seconds hub_within{0};  // how long to wait for the hub to answer at all
    std::function<void(std::string_view)>
        say;  // one line on how it goes, from the fleet's own thread
};

// The fleet runs on a thread of its own until it is stopped or destroyed: it is a set of clients,
// also inside the server, and so takes nothing from the hub's loops.
class Simulation {
public:
    explicit Simulation(SimulationOptions options);
    ~Simulation();  // stops

    // Says goodbye for every device and waits for the thread.
    void stop();

    // Whether the fleet ended within the time: stopped, or it could not be made.
    bool wait_for(std::chrono::milliseconds time);

    // How it ended; waits for that. Once.
    Result<> wait();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Name and tags of the numbered device of a fleet: site and zone, as a grower would.
std::string device_name(const SimulationOptions& options, std::size_t number);
json::object device_tags(std::size_t number);

// `serve --demo`: the fleet inside the server.
struct DemoOptions {
    Config config;
    hub::Policy owner;               // iothubowner
    std::uint16_t https_port = 443;  // as they are, when the configuration says "any free one"
    std::uint16_t mqtt_port = 8883;
    std::uint16_t amqp_port = 5671;
    std::optional<hub::Policy> provisioning;  // provisioningserviceowner; without it the registry
    std::function<void(std::string_view)> say;
};
std::unique_ptr<Simulation> start_demo(DemoOptions options);

// What to try, for a newcomer in front of a running demo.
std::string demo_text(const DemoOptions& options);

}  // namespace twinhub::apps

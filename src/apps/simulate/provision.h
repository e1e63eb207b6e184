#pragma once

#include "apps/simulate/device.h"

#include <cstdint>
#include <string>

namespace twinhub::apps {

// How a device asks which hub is its own (spec device-protocols 7).
struct Registration {
    std::string id_scope;
    std::string id;
    std::string key;  // base64: its own, or derived from its group's
};

struct Assignment {
    std::string hub;
    DeviceId device;
};

// Registers over MQTT, and asks again until it is decided. Errors: unavailable, unauthorized,
// operation_invalid when it is decided against the device.
Task<Result<Assignment>> provision(Executor executor, std::unique_ptr<gateway::ClientStream> stream,
                                   gateway::ServerEndpoint endpoint, Registration registration,
                                   std::uint64_t token_expiry);

}  // namespace twinhub::apps

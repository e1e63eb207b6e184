#pragma once

#include "apps/simulate/device.h"
#include "apps/simulate/provision.h"
#include "apps/simulate/simulation.h"
#include "base/clock.h"

#include <functional>
#include <optional>
#include <vector>

namespace twinhub::apps {

// How a device gets in: with a login that the registry knows, or by registering first.
struct Enrolled {
    DeviceLogin login;
    std::optional<Registration> registration;
};

// Makes what the devices need and is not there yet: enrollment groups, a zone each, whose initial
// twin has the zone's tags; without a provisioning service their identities. Blocks; waits for the
// hub as long as the options say, unless `stopped`. Errors: those of the hub.
Result<std::vector<Enrolled>> enroll(const SimulationOptions& options, const Clock& clock,
                                     const std::function<bool()>& stopped);

}  // namespace twinhub::apps

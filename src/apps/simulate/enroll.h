#pragma once

#include "apps/simulate/device.h"
#include "apps/simulate/simulation.h"
#include "base/clock.h"

#include <functional>
#include <vector>

namespace twinhub::apps {

// Makes the identities that are not there yet, and gives every device's login. Blocks; waits for
// the hub as long as the options say, unless `stopped`. Errors: those of the hub.
Result<std::vector<DeviceLogin>> enroll(const SimulationOptions& options, const Clock& clock,
                                        const std::function<bool()>& stopped);

}  // namespace twinhub::apps

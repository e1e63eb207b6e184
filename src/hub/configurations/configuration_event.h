#pragma once

#include "hub/configurations/configuration.h"
#include "hub/device_events.h"

#include <memory>
#include <string>

namespace twinhub::hub {

// What the hub says of a configuration that was made, changed or removed: that it begins to bring
// the twins that it is for, and those that it was for, up to it, and that all of them are.
enum class ConfigurationStep { started, completed };

// `known`: nullptr when it is gone.
std::shared_ptr<DeviceEvent> configuration_event(ConfigurationStep step, const std::string& id,
                                                 const Configuration* known, Instant at);

}  // namespace twinhub::hub

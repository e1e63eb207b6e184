#pragma once

#include "apps/simulate/device.h"

#include <cstdint>
#include <string>

namespace twinhub::apps {

// `host/devices/id[/modules/id]`, what a token of the identity is for.
std::string resource_of(const DeviceLogin& login);
// A token of the identity's own key (spec device-protocols 6.1).
std::string device_token(const DeviceLogin& login, std::uint64_t expiry);

}  // namespace twinhub::apps

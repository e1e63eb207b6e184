#pragma once

#include "base/ids.h"
#include "hub/messages/cloud_message.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::gateway::mqtt {

// The $rid of a method call, and back; nothing for a text that we did not make.
std::string rid_of(std::uint64_t number);
std::optional<std::uint64_t> number_of(std::string_view rid);

// The topic that says all of a message but its payload (spec device-protocols 3.3).
std::string device_bound_topic(const DeviceId& device, const hub::LockedMessage& message);

}  // namespace twinhub::gateway::mqtt

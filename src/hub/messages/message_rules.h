#pragma once

#include "base/result.h"
#include "hub/messages/cloud_message.h"

#include <cstdint>

namespace twinhub::hub {

// What all of the doors can carry, so that a message that was taken can be delivered by each of
// them: names and texts without control characters, the properties small enough for a topic.
// Errors: argument_invalid naming the member, message_too_large.
Result<> check_message(const CloudMessage& message, std::uint32_t bytes_max);

}  // namespace twinhub::hub

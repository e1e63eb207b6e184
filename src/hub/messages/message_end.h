#pragma once

#include <cstdint>
#include <string_view>

namespace twinhub::hub {

// How a message to a device ended. Stored: never renumber.
enum class MessageEnd : std::uint8_t {
    completed = 0,
    expired = 1,
    delivery_count_exceeded = 2,
    rejected = 3,
    purged = 4,  // by a service, or with its device
};
// Its name for services: Success, Expired, DeliveryCountExceeded, Rejected, Purged.
std::string_view name_of(MessageEnd end);

}  // namespace twinhub::hub

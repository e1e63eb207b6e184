#pragma once

#include "protocol/amqp/message.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::protocol::amqp {

// A device's message, with the names that it has on every transport (spec device-protocols 3.2).
struct Telemetry {
    std::vector<std::pair<std::string, std::string>> properties;
    std::string payload;
};

inline constexpr std::uint32_t batch_format = 0x80013700;  // 4.6

// The messages of one transfer: one, or those of a batch. Errors: format_invalid.
Result<std::vector<Telemetry>> read_telemetry(std::string_view bytes, std::uint32_t format);

}  // namespace twinhub::protocol::amqp

#pragma once

#include "protocol/amqp/message.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace twinhub::protocol::amqp {

// What a device asks for on its twin link (spec device-protocols 4.4).
struct TwinRequest {
    enum class Kind : std::uint8_t { get, report, subscribe, unsubscribe };
    Kind kind = Kind::get;
    std::optional<std::uint64_t> base_version;  // of a report: precondition
};
// Errors: argument_invalid.
Result<TwinRequest> read_twin_request(const Message& request);

// The answer to a request: its correlation id comes back with the same type. `version` only on a
// successful report.
Message twin_response(const Value& correlation_id, int status, std::optional<std::uint64_t> version,
                      std::string_view body);

// A change of the desired properties. It has no correlation id: that is how clients know it.
Message desired_notification(std::uint64_t version, std::string_view body);

}  // namespace twinhub::protocol::amqp

#pragma once

#include "protocol/amqp/value.h"

#include <string>
#include <string_view>

namespace twinhub::protocol::amqp {

// Why a link, a connection or a message was refused (spec device-protocols 4.7).
struct Condition {
    std::string name;         // a symbol of the table there
    std::string description;  // for a person
    Fields info;
};

namespace condition {
inline constexpr std::string_view unauthorized = "amqp:unauthorized-access";
inline constexpr std::string_view not_found = "amqp:not-found";
inline constexpr std::string_view not_allowed = "amqp:not-allowed";
inline constexpr std::string_view not_implemented = "amqp:not-implemented";
inline constexpr std::string_view internal = "amqp:internal-error";
inline constexpr std::string_view decode = "amqp:decode-error";
inline constexpr std::string_view limit_exceeded = "amqp:resource-limit-exceeded";
inline constexpr std::string_view size_exceeded = "amqp:link:message-size-exceeded";
inline constexpr std::string_view transfer_limit = "amqp:link:transfer-limit-exceeded";
inline constexpr std::string_view stolen = "amqp:link:stolen";
inline constexpr std::string_view detach_forced = "amqp:link:detach-forced";
inline constexpr std::string_view connection_forced = "amqp:connection:forced";
inline constexpr std::string_view framing = "amqp:connection:framing-error";
inline constexpr std::string_view lock_lost = "com.microsoft:message-lock-lost";
inline constexpr std::string_view argument = "com.microsoft:argument-error";
}  // namespace condition

}  // namespace twinhub::protocol::amqp

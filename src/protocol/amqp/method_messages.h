#pragma once

#include "protocol/amqp/message.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::protocol::amqp {

// A method request (spec device-protocols 4.5). Its correlation id is a uuid that carries `number`:
// clients send it back as it is, and take no other type.
Message method_request(std::uint64_t number, std::string_view name, std::string_view payload);

struct MethodAnswer {
    std::uint64_t number = 0;
    int status = 0;
    std::string payload;
};
// Nothing for what is no answer to one of our requests.
std::optional<MethodAnswer> read_method_answer(const Message& answer);

}  // namespace twinhub::protocol::amqp

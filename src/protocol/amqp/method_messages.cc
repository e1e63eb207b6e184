#include "protocol/amqp/method_messages.h"

namespace twinhub::protocol::amqp {
namespace {

// A uuid of version 4 in its looks, because the Node SDK takes others for text. The number stands
// at both ends, around this.
constexpr std::string_view uuid_middle{"tw\x40\0\x80\0hu", 8};
constexpr std::size_t half = 4;

}  // namespace

Message method_request(std::uint64_t number, std::string_view name, std::string_view payload) {
    std::string uuid;
    for (int shift = 56; shift >= 0; shift -= 8) uuid += static_cast<char>(number >> shift);
    uuid.insert(half, uuid_middle);
    Message request;
    request.correlation_id = Value::of_uuid(uuid);
    request.application_properties = {{"IoThub-methodname", Value::of_string(name)}};
    request.data.emplace_back(payload);
    return request;
}

std::optional<MethodAnswer> read_method_answer(const Message& answer) {
    const Value& id = answer.correlation_id;
    if (id.type != Type::uuid || id.bytes.substr(half, uuid_middle.size()) != uuid_middle)
        return std::nullopt;
    const Value* status = find(answer.application_properties, "IoThub-status");
    const auto number = status != nullptr ? integer_of(*status) : std::nullopt;
    if (!number || *number < INT32_MIN || *number > INT32_MAX) return std::nullopt;
    MethodAnswer read{.number = 0, .status = static_cast<int>(*number), .payload = answer.body()};
    for (const char c : id.bytes.substr(0, half) + id.bytes.substr(half + uuid_middle.size()))
        read.number = (read.number << 8) | static_cast<std::uint8_t>(c);
    return read;
}

}  // namespace twinhub::protocol::amqp

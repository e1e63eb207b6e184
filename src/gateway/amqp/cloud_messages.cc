#include "gateway/amqp/cloud_messages.h"

#include "base/encoding.h"
#include "gateway/message_words.h"

#include <algorithm>
#include <chrono>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

namespace {

constexpr std::string_view acknowledge_property = "iothub-ack";

std::int64_t milliseconds(Instant instant) {
    return std::chrono::floor<std::chrono::milliseconds>(instant).time_since_epoch().count();
}

std::optional<std::string> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

wire::Message cloud_message(const DeviceId& device, const hub::LockedMessage& locked) {
    const hub::CloudMessage& from = locked.message;
    wire::Message message;
    message.delivery_count = locked.delivery_count;
    message.annotations = {
        {"x-opt-sequence-number", wire::Value::of_long(static_cast<std::int64_t>(locked.sequence))},
        {"x-opt-enqueued-time", wire::Value::of_timestamp(milliseconds(locked.enqueued))}};
    if (!from.message_id.empty()) message.message_id = wire::Value::of_string(from.message_id);
    if (!from.correlation_id.empty())
        message.correlation_id = wire::Value::of_string(from.correlation_id);
    message.user_id = from.user_id;
    message.to = address_of(device, from);
    message.content_type = unless_empty(from.content_type);
    message.content_encoding = unless_empty(from.content_encoding);
    message.absolute_expiry = milliseconds(from.expires);
    if (from.acknowledge != hub::Acknowledge::none)
        message.application_properties.emplace_back(
            acknowledge_property, wire::Value::of_string(name_of(from.acknowledge)));
    for (const hub::MessageProperty& property : from.properties)
        message.application_properties.emplace_back(
            property.name,
            property.value ? wire::Value::of_string(*property.value) : wire::Value{});
    message.data = {from.payload};
    return message;
}

Result<hub::CloudMessage> read_cloud_message(const wire::Message& message, Instant now) {
    hub::CloudMessage read;
    read.message_id = wire::shown(message.message_id).value_or("");
    read.correlation_id = wire::shown(message.correlation_id).value_or("");
    read.user_id = message.user_id;
    read.to = message.to.value_or("");
    read.content_type = message.content_type.value_or("");
    read.content_encoding = message.content_encoding.value_or("");
    // A day of the year 9999 is the last that an Instant reaches for sure.
    constexpr std::int64_t reach = 250'000'000'000'000;
    if (message.absolute_expiry)
        read.expires = Instant{std::chrono::milliseconds{
            std::clamp<std::int64_t>(*message.absolute_expiry, 0, reach)}};
    else if (message.ttl && *message.ttl != 0)
        read.expires = now + std::chrono::milliseconds{*message.ttl};
    for (const auto& [name, value] : message.application_properties) {
        if (name == acknowledge_property) {
            const auto acknowledge = acknowledge_named(wire::shown(value).value_or(""));
            if (!acknowledge)
                return failure(Code::argument_invalid,
                               "The value must be none, positive, negative or full", "iothub-ack");
            read.acknowledge = *acknowledge;
            continue;
        }
        read.properties.push_back({name, wire::shown(value)});
    }
    read.payload = message.body();
    return read;
}

std::string tag_of(std::string_view lock_token) {
    std::string hex;
    for (const char c : lock_token)
        if (c != '-') hex += c;
    return hex_decode(hex).value_or(std::string());
}

}  // namespace twinhub::gateway::amqp

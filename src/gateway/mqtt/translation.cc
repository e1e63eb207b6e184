#include "gateway/mqtt/translation.h"

#include "base/time.h"
#include "gateway/message_words.h"
#include "protocol/mqtt/topic.h"

#include <charconv>
#include <vector>

namespace twinhub::gateway::mqtt {

std::string rid_of(std::uint64_t number) {
    std::string text(16, '\0');
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number, 16).ptr;
    text.resize(static_cast<std::size_t>(end - text.data()));
    return text;
}

std::optional<std::uint64_t> number_of(std::string_view rid) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(rid.data(), rid.data() + rid.size(), number, 16);
    if (error != std::errc() || end != rid.data() + rid.size()) return std::nullopt;
    return number;
}

std::string device_bound_topic(const DeviceId& device, const hub::LockedMessage& locked) {
    const hub::CloudMessage& message = locked.message;
    const std::string to = address_of(device, message);
    const std::string expires = format_instant(message.expires);
    std::vector<protocol::mqtt::BagItem> items;
    const auto add = [&items](std::string_view name, const std::string& value) {
        if (!value.empty()) items.push_back({name, value});
    };
    add("$.mid", message.message_id);
    add("$.to", to);
    add("$.cid", message.correlation_id);
    add("$.uid", message.user_id);
    add("$.ct", message.content_type);
    add("$.ce", message.content_encoding);
    add("$.exp", expires);
    if (message.acknowledge != hub::Acknowledge::none)
        items.push_back({"iothub-ack", name_of(message.acknowledge)});
    for (const hub::MessageProperty& property : message.properties)
        items.push_back({property.name, property.value});
    return protocol::mqtt::make_device_bound_topic(device, items);
}

}  // namespace twinhub::gateway::mqtt

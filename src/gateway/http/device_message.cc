#include "gateway/http/device_message.h"

#include "base/encoding.h"
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace twinhub::gateway::http {
namespace {

constexpr std::string_view application_prefix = "iothub-app-";
constexpr std::size_t batch_bytes_max = 1024 * 1024;  // the route has less
constexpr std::size_t batch_depth_max = 8;

struct SystemField {
    std::string_view header;  // lower case
    std::string_view property;
};
// Spec device-protocols 5 and 3.2. The first of several fields for one property is the one sent.
constexpr std::array system_fields{
    SystemField{"iothub-messageid", "$.mid"},
    SystemField{"iothub-correlationid", "$.cid"},
    SystemField{"iothub-userid", "$.uid"},
    SystemField{"iothub-to", "$.to"},
    SystemField{"iothub-expiry", "$.exp"},
    SystemField{"iothub-contenttype", "$.ct"},
    SystemField{"iothub-contentencoding", "$.ce"},
    SystemField{"iothub-creationtimeutc", "$.ctime"},
    SystemField{"iothub-creation-time-utc", "$.ctime"},
    SystemField{"iothub-interface-id", "$.ifid"},
    SystemField{"iothub-dt-subject", "$.sub"},
    SystemField{"iothub-outputname", "$.on"},
    SystemField{"iothub-ack", "iothub-ack"},
};

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() &&
           equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// What a header field, or a member of a batch's `properties`, calls a property; empty: nothing.
std::string_view property_of(std::string_view field) {
    if (starts_with_ignoring_case(field, application_prefix))
        return field.substr(application_prefix.size());
    const auto row = std::ranges::find_if(system_fields, [field](const SystemField& known) {
        return equals_ignoring_case(known.header, field);
    });
    return row == system_fields.end() ? std::string_view() : row->property;
}

std::unexpected<Error> refuse(Code code, std::size_t index, std::string_view why) {
    return std::unexpected(
        Error{code, fmt::format("A message of the batch {}", why), fmt::format("[{}]", index)});
}

Result<std::string> payload_of(const json::object& item, std::size_t index) {
    const json::value* body = item.if_contains("body");
    if (body == nullptr || body->is_null()) return std::string();
    if (!body->is_string())
        return refuse(Code::argument_invalid, index, "has a body that is not a text");
    const std::string_view text = body->get_string();
    const json::value* encoded = item.if_contains("base64Encoded");
    if (encoded != nullptr && !encoded->is_bool())
        return refuse(Code::argument_invalid, index, "has base64Encoded that is not a boolean");
    if (encoded != nullptr && !encoded->get_bool()) return std::string(text);
    auto decoded = base64_decode(text);
    if (!decoded) return refuse(Code::argument_invalid, index, "has a body that is not base64");
    return std::move(*decoded);
}

Result<DeviceMessage> message_of(const json::value& value, std::size_t index) {
    if (!value.is_object()) return refuse(Code::argument_invalid, index, "is not an object");
    const json::object& item = value.get_object();
    DeviceMessage message;
    TRY(message.payload, payload_of(item, index));
    const json::value* properties = item.if_contains("properties");
    if (properties == nullptr || properties->is_null()) return message;
    if (!properties->is_object())
        return refuse(Code::argument_invalid, index, "has properties that are not an object");
    for (const auto& member : properties->get_object()) {
        const std::string_view name(member.key().data(), member.key().size());
        if (!member.value().is_string())
            return refuse(Code::argument_invalid, index, "has a property that is not a text");
        // Both of Microsoft's clients write them like header fields, the documentation bare.
        const std::string_view known = property_of(name);
        message.properties.emplace_back(known.empty() ? name : known,
                                        std::string_view(member.value().get_string()));
    }
    return message;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> message_properties(HeaderFields fields) {
    std::vector<std::pair<std::string, std::string>> properties;
    for (const auto& [name, value] : fields)
        if (const std::string_view property = property_of(name); !property.empty())
            properties.emplace_back(property, value);
    return properties;
}

Result<std::vector<DeviceMessage>> parse_message_batch(std::string_view body) {
    TRY(const json::value batch, parse_json(body, JsonLimits{batch_bytes_max, batch_depth_max}));
    if (!batch.is_array())
        return failure(Code::format_invalid, "A batch of messages must be a JSON array");
    std::vector<DeviceMessage> messages;
    for (const json::value& item : batch.get_array()) {
        TRY(DeviceMessage message, message_of(item, messages.size()));
        messages.push_back(std::move(message));
    }
    return messages;
}

bool is_message_batch(std::string_view content_type) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    return equals_ignoring_case(type, "application/vnd.microsoft.iothub.json");
}

std::string_view header_of(std::string_view system_property) {
    const auto row = std::ranges::find(system_fields, system_property, &SystemField::property);
    return row == system_fields.end() ? std::string_view() : row->header;
}

}  // namespace twinhub::gateway::http

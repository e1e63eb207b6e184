#include "gateway/http/event_json.h"

#include "base/encoding.h"
#include "base/json.h"

#include <algorithm>
#include <array>

namespace twinhub::gateway::http {
namespace {

struct SystemName {
    std::string_view in_topic;
    std::string_view shown;
};

// Spec device-protocols 3.2.
constexpr std::array system_names{
    SystemName{"$.mid", "messageId"},
    SystemName{"$.cid", "correlationId"},
    SystemName{"$.uid", "userId"},
    SystemName{"$.to", "to"},
    SystemName{"$.ct", "contentType"},
    SystemName{"$.ce", "contentEncoding"},
    SystemName{"$.exp", "expiryTimeUtc"},
    SystemName{"$.ctime", "creationTimeUtc"},
    SystemName{"$.ifid", "interfaceId"},
    SystemName{"$.sub", "dt-subject"},
    SystemName{"$.on", "outputName"},
    SystemName{"$.cdid", "connectionDeviceId"},
    SystemName{"$.cmid", "connectionModuleId"},
    SystemName{"$.diagid", "diagnosticId"},
    SystemName{"$.diagctx", "diagnosticContext"},
};

bool is_system(std::string_view name) { return name.starts_with("$."); }

std::string_view shown_name(std::string_view name) {
    const auto row = std::ranges::find(system_names, name, &SystemName::in_topic);
    return row == system_names.end() ? name : row->shown;
}

// A property may hold any bytes, a line only UTF-8.
void append_text(std::string& out, std::string_view text) {
    if (is_valid_utf8(text)) return append_json_string(out, text);
    std::string shown;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x80) shown += c;
        else shown += "\xEF\xBF\xBD";  // U+FFFD
    }
    append_json_string(out, shown);
}

using Properties = std::vector<std::pair<std::string, std::string>>;

// The last of several properties of one name counts.
bool is_repeated_later(const Properties& properties, std::size_t at) {
    return std::any_of(properties.begin() + static_cast<std::ptrdiff_t>(at) + 1, properties.end(),
                       [&](const auto& later) { return later.first == properties[at].first; });
}

void append_properties(std::string& out, const Properties& properties, bool system) {
    out += '{';
    bool first = true;
    for (std::size_t i = 0; i < properties.size(); ++i) {
        const auto& [name, value] = properties[i];
        if (is_system(name) != system || is_repeated_later(properties, i)) continue;
        if (!std::exchange(first, false)) out += ',';
        append_text(out, system ? shown_name(name) : std::string_view(name));
        out += ':';
        append_text(out, value);
    }
    out += '}';
}

std::string_view last_of(const Properties& properties, std::string_view name) {
    std::string_view value;
    for (const auto& property : properties)
        if (property.first == name) value = property.second;
    return value;
}

// "application/json; charset=utf-8", "application/cloudevents+json"
bool says_json(const Properties& properties) {
    const std::string_view encoding = last_of(properties, "$.ce");
    if (!encoding.empty() && !equals_ignoring_case(encoding, "utf-8") &&
        !equals_ignoring_case(encoding, "utf8"))
        return false;
    std::string_view type = last_of(properties, "$.ct");
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    const std::string lower = ascii_lower(type);
    return lower == "application/json" || lower.ends_with("+json");
}

}  // namespace

void append_event(std::string& out, const hub::DeviceEvent& event) {
    out += R"({"deviceId":)";
    append_json_string(out, event.id.device.text());
    if (event.id.is_module()) {
        out += R"(,"moduleId":)";
        append_json_string(out, event.id.module.text());
    }
    out += R"(,"enqueuedTime":")";
    append_instant(out, event.at);
    out += R"(","properties":)";
    append_properties(out, event.properties, false);
    if (std::ranges::any_of(event.properties, is_system, &Properties::value_type::first)) {
        out += R"(,"systemProperties":)";
        append_properties(out, event.properties, true);
    }
    if (says_json(event.properties)) {
        if (const auto body = parse_json(event.payload)) {
            out += R"(,"body":)";
            append_json(out, *body);
            out += '}';
            return;
        }
    }
    out += R"(,"bodyBase64":")";
    out += base64_encode(event.payload);
    out += R"("})";
}

}  // namespace twinhub::gateway::http

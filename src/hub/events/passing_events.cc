#include "hub/events/passing_events.h"

#include "base/encoding.h"

#include <algorithm>
#include <array>

namespace twinhub::hub {
namespace {

struct SystemName {
    std::string_view in_message;
    std::string_view property;
};
// Spec device-protocols 3.2.
constexpr std::array system_names{
    SystemName{"$.mid", "message-id"},
    SystemName{"$.cid", "correlation-id"},
    SystemName{"$.uid", "user-id"},
    SystemName{"$.to", "to"},
    SystemName{"$.ct", "content-type"},
    SystemName{"$.ce", "content-encoding"},
    SystemName{"$.exp", "absolute-expiry-time"},
    SystemName{"$.ctime", "creation-time"},
    SystemName{"$.ifid", "iothub-interface-id"},
    SystemName{"$.sub", "dt-subject"},
    SystemName{"$.on", "outputName"},
    SystemName{"$.diagid", "diagnosticId"},
    SystemName{"$.diagctx", "diagnosticContext"},
};

std::string_view find(const EventProperties& properties, std::string_view name) {
    std::string_view value;
    for (const auto& property : properties)
        if (property.first == name) value = property.second;
    return value;
}

void read_message(HubEvent& event, const DeviceEvent& message) {
    event.kind = "telemetry";
    for (const auto& [name, value] : message.properties) {
        if (!name.starts_with("$.")) {
            event.application.emplace_back(name, value);
            continue;
        }
        const auto row = std::ranges::find(system_names, name, &SystemName::in_message);
        if (row != system_names.end()) event.system.emplace_back(row->property, value);
    }
    event.is_json = says_json(event.system);
    event.system.emplace_back("iothub-message-source", "deviceMessages");
}

void read_event(HubEvent& event, const DeviceEvent& passing, std::string_view hub_name) {
    event.application = {{"hubName", std::string(hub_name)}};
    std::string message_source;
    for (const auto& [name, value] : passing.properties) {
        if (name == "iothub-message-source") message_source = value;
        else event.application.emplace_back(name, value);
    }
    event.kind = find(event.application, "opType");
    event.system = {{"content-type", "application/json"},
                    {"content-encoding", "utf-8"},
                    {"correlation-id", event.id},
                    {"user-id", std::string(hub_name)},
                    {"iothub-message-source", std::move(message_source)}};
}

}  // namespace

bool says_json(const EventProperties& system) {
    const auto either = [&](std::string_view name) {
        const std::string_view text = find(system, name);
        return text.empty() ? find(system, keyword_of(name)) : text;
    };
    const std::string_view encoding = either("content-encoding");
    if (!encoding.empty() && !equals_ignoring_case(encoding, "utf-8") &&
        !equals_ignoring_case(encoding, "utf8"))
        return false;
    // "application/json; charset=utf-8"
    std::string_view type = either("content-type");
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    const std::string lower = ascii_lower(type);
    return lower == "application/json" || lower.ends_with("+json");
}

HubEvent event_of(const DeviceEvent& passing, EventSource source, std::string id,
                  std::string_view hub_name) {
    HubEvent event;
    event.source = source;
    event.id = std::move(id);
    event.twin = passing.id;
    event.at = passing.at;
    event.body = passing.payload;
    if (source == EventSource::messages) read_message(event, passing);
    else read_event(event, passing, hub_name);
    if (!passing.id.device.text().empty())
        event.system.emplace_back("iothub-connection-device-id", passing.id.device.text());
    if (passing.id.is_module())
        event.system.emplace_back("iothub-connection-module-id", passing.id.module.text());
    event.system.emplace_back("iothub-enqueuedtime", format_instant(passing.at));
    return event;
}

}  // namespace twinhub::hub

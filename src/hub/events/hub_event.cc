#include "hub/events/hub_event.h"

#include "base/encoding.h"

#include <algorithm>
#include <array>

namespace twinhub::hub {
namespace {

constexpr std::array<std::string_view, event_sources> names{
    "TwinChangeEvents",  "DeviceLifecycleEvents", "DeviceConnectionStateEvents",
    "DriftChangeEvents", "DeviceMessages",        "RolloutEvents",
    "JobEvents",         "ConfigurationEvents"};

// Which property of an event names the work that it is of.
struct WorkProperty {
    std::string_view property;
    std::string_view collection;
};
constexpr WorkProperty work_properties[] = {
    {"rollout", "rollouts"}, {"jobId", "jobs"}, {"configuration", "configurations"}};

struct Keyword {
    std::string_view property;
    std::string_view keyword;
};
// Spec twin-document 12; those of messages from device-protocols 3.2.
constexpr Keyword keywords[] = {
    {"content-type", "contentType"},
    {"content-encoding", "contentEncoding"},
    {"correlation-id", "correlationId"},
    {"user-id", "userId"},
    {"message-id", "messageId"},
    {"absolute-expiry-time", "expiryTimeUtc"},
    {"iothub-connection-device-id", "connectionDeviceId"},
    {"iothub-connection-module-id", "connectionModuleId"},
    {"iothub-enqueuedtime", "enqueuedTime"},
};

}  // namespace

std::string_view name_of(EventSource source) { return names[static_cast<std::size_t>(source)]; }

std::optional<EventSource> parse_event_source(std::string_view name) {
    const auto found = std::ranges::find_if(
        names, [&](std::string_view known) { return equals_ignoring_case(known, name); });
    if (found == names.end()) return std::nullopt;
    return static_cast<EventSource>(found - names.begin());
}

std::string event_source_names() {
    std::string all;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) all += i + 1 < names.size() ? ", " : " or ";
        all += names[i];
    }
    return all;
}

std::string subject_of(const HubEvent& event) {
    if (!event.twin.device.text().empty()) {
        std::string subject = "devices/" + std::string(event.twin.device.text());
        if (event.twin.is_module()) subject += "/modules/" + std::string(event.twin.module.text());
        return subject;
    }
    for (const auto& [property, collection] : work_properties)
        for (const auto& [name, value] : event.application)
            if (name == property) return std::string(collection) + "/" + value;
    return {};
}

std::string partition_of(const HubEvent& event) {
    const std::string_view device = event.twin.device.text();
    return device.empty() ? subject_of(event) : std::string(device);
}

std::string_view keyword_of(std::string_view system_property) {
    const auto found = std::ranges::find(keywords, system_property, &Keyword::property);
    return found == std::end(keywords) ? system_property : found->keyword;
}

const json::value* body_of(HubEvent& event) {
    if (!event.tree && event.is_json) {
        if (auto tree = parse_json(event.body)) event.tree = std::move(*tree);
        else event.is_json = false;
    }
    return event.tree ? &*event.tree : nullptr;
}

}  // namespace twinhub::hub

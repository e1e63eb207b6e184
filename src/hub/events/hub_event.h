#pragma once

#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::hub {

// What an event is about (spec twin-document 12). Twin changes and lifecycle are read from the feed
// of changes and are not lost; the others pass by once.
enum class EventSource : std::uint8_t {
    twin_changes,
    lifecycle,
    connection,
    drift,
    messages,
    rollouts,
    jobs,
    configurations
};
inline constexpr std::size_t event_sources = 8;

// As routes name it, in the words of Azure: "TwinChangeEvents", "DeviceLifecycleEvents",
// "DeviceConnectionStateEvents", "DriftChangeEvents", "DeviceMessages", "RolloutEvents",
// "JobEvents", "ConfigurationEvents".
std::string_view name_of(EventSource source);
std::string event_source_names();  // all of them, for who wrote another: "A, B or C"
std::optional<EventSource> parse_event_source(std::string_view name);  // case-insensitive
// Whether it comes from the feed, where nothing is lost.
constexpr bool is_recorded(EventSource source) {
    return source == EventSource::twin_changes || source == EventSource::lifecycle;
}

using EventProperties = std::vector<std::pair<std::string, std::string>>;

// One event for the outside.
struct HubEvent {
    EventSource source = EventSource::twin_changes;
    std::string id;    // whoever gets it twice sees the same one
    std::string kind;  // opType: "updateTwin", ...; "telemetry" for messages
    TwinId twin;       // no device: the event is of a piece of work, as subject_of() says
    Instant at{};
    std::uint64_t sequence = 0;   // rises with each change of a twin; 0 for what is not recorded
    EventProperties system;       // "content-type", "iothub-enqueuedtime", ... (section 12)
    EventProperties application;  // "opType", "deviceId", ...; of a message its own
    std::string body;
    std::optional<json::value> tree;  // the body, when it is JSON and somebody needs it read
    bool is_json = true;              // as its properties say
};

// "devices/d1", "devices/d1/modules/m", "jobs/fw-2", "rollouts/quality", "configurations/base".
std::string subject_of(const HubEvent& event);
// What events must have in common to stay in their order: a device, else the subject.
std::string partition_of(const HubEvent& event);

// By what a routing condition knows a system property: "contentType" for "content-type".
std::string_view keyword_of(std::string_view system_property);

// Reads the body once, if it says that it is JSON and is.
const json::value* body_of(HubEvent& event);

}  // namespace twinhub::hub

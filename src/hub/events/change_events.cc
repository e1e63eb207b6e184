#include "hub/events/change_events.h"

#include "twin/change_event.h"
#include "twin/codec.h"

#include <fmt/format.h>

namespace twinhub::hub {
namespace {

std::string_view kind_of(const ChangeRecord& change) {
    switch (change.kind) {
        case ChangeKind::created: return "createDeviceIdentity";
        case ChangeKind::deleted: return "deleteDeviceIdentity";
        default:
            return change.change.operation == twin::Operation::replace ? "replaceTwin"
                                                                       : "updateTwin";
    }
}

// The twin that a life began or ended with. Records of older releases do not hold the last one.
Result<std::optional<twin::Twin>> twin_of(const ChangeRecord& change) {
    if (!change.detail.empty()) {
        TRY(twin::Twin held, twin::decode_twin(change.detail));
        return held;
    }
    // A fresh one says "never" in events (section 2.9).
    if (change.kind == ChangeKind::created) return twin::fresh(never);
    return std::nullopt;
}

Result<std::string> body_of(const ChangeRecord& change, const twin::Twin* after) {
    std::string body;
    const std::string_view device = change.id.device.text();
    const std::string_view module = change.id.module.text();
    if (change.kind == ChangeKind::twin) {
        // Beyond a deletion by an older release nobody knows the twin; what was written is known.
        const bool is_whole = needs_twin(change) && after != nullptr;
        if (is_whole) twin::append_whole_body(body, device, module, *after);
        else twin::append_update_body(body, change.change);
        return body;
    }
    TRY(const std::optional<twin::Twin> twin, twin_of(change));
    if (twin) {
        twin::append_whole_body(body, device, module, *twin);
        return body;
    }
    body = R"({"deviceId":)";
    append_json_string(body, device);
    if (change.id.is_module()) {
        body += R"(,"moduleId":)";
        append_json_string(body, module);
    }
    body += '}';
    return body;
}

}  // namespace

std::optional<EventSource> event_source_of(const ChangeRecord& change) {
    switch (change.kind) {
        case ChangeKind::twin: return EventSource::twin_changes;
        case ChangeKind::created:
        case ChangeKind::deleted: return EventSource::lifecycle;
        case ChangeKind::identity:
        case ChangeKind::model: break;
    }
    return std::nullopt;
}

bool needs_twin(const ChangeRecord& change) {
    return change.kind == ChangeKind::twin && change.change.operation == twin::Operation::replace;
}

std::string seven_digits(Instant at) {
    std::string text = format_instant(at);
    text.pop_back();  // Z
    const std::size_t dot = text.find('.');
    std::size_t digits = dot == std::string::npos ? 0 : text.size() - dot - 1;
    if (digits == 0) text += '.';
    for (; digits < 7; ++digits) text += '0';
    return text += 'Z';
}

Result<HubEvent> event_of(const ChangeRecord& change, std::uint64_t sequence,
                          std::string_view hub_name, const twin::Twin* after) {
    HubEvent event;
    const auto source = event_source_of(change);
    CHECK(source);
    event.source = *source;
    event.id = fmt::format("{}.{}", slot_of(change.id.device), sequence);
    event.kind = kind_of(change);
    event.twin = change.id;
    event.at = change.at;
    event.sequence = sequence;
    const bool about_twin = change.kind == ChangeKind::twin;
    const std::string time = format_instant(change.at);
    const std::string device(change.id.device.text()), module(change.id.module.text());
    const std::string& request = change.author.request_id;
    event.system = {
        {"content-type", "application/json"},
        {"content-encoding", "utf-8"},
        {"correlation-id", request.empty() ? event.id : request},
        {"user-id", std::string(hub_name)},
        {"iothub-connection-device-id", device},
        {"iothub-enqueuedtime", time},
        {"iothub-message-source", about_twin ? "twinChangeEvents" : "deviceLifecycleEvents"}};
    event.application = {{"hubName", std::string(hub_name)},
                         {"deviceId", device},
                         {"opType", event.kind},
                         {"operationTimestamp", seven_digits(change.at)},
                         {"iothub-message-schema",
                          about_twin ? "twinChangeNotification" : "deviceLifecycleNotification"}};
    if (change.id.is_module()) {
        event.system.emplace_back("iothub-connection-module-id", module);
        event.application.emplace_back("moduleId", module);
    }
    TRY(event.body, body_of(change, after));
    return event;
}

}  // namespace twinhub::hub

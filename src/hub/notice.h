#pragma once

#include "hub/device_events.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace twinhub::hub {

// What the hub itself says about a device or about its own work, in the form of a message, for
// those who listen.
struct NoticeKind {
    std::string_view operation;  // "driftChanged"
    std::string_view source;     // iothub-message-source: "driftChangeEvents"
    std::string_view schema;     // iothub-message-schema
};

// With the application properties of spec twin-document 12 but hubName; `body` is JSON.
std::shared_ptr<DeviceEvent> make_notice(const NoticeKind& kind, const TwinId& id, Instant at,
                                         std::string body);
// About a piece of work, which a property names: {"jobId", "fw-2"} (hub/events/hub_event.h).
std::shared_ptr<DeviceEvent> make_notice(const NoticeKind& kind,
                                         std::pair<std::string, std::string> work, Instant at,
                                         std::string body);

}  // namespace twinhub::hub

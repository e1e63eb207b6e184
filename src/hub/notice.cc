#include "hub/notice.h"

#include "hub/events/change_events.h"

namespace twinhub::hub {

std::shared_ptr<DeviceEvent> make_notice(const NoticeKind& kind,
                                         std::pair<std::string, std::string> about, Instant at,
                                         std::string body) {
    auto event = std::make_shared<DeviceEvent>();
    event->at = at;
    event->properties = {{"opType", std::string(kind.operation)},
                         {"iothub-message-source", std::string(kind.source)},
                         {"iothub-message-schema", std::string(kind.schema)},
                         std::move(about),
                         {"operationTimestamp", seven_digits(at)}};
    event->payload = std::move(body);
    return event;
}

std::shared_ptr<DeviceEvent> make_notice(const NoticeKind& kind, const TwinId& id, Instant at,
                                         std::string body) {
    auto event =
        make_notice(kind, {"deviceId", std::string(id.device.text())}, at, std::move(body));
    event->id = id;
    if (id.is_module()) event->properties.emplace_back("moduleId", std::string(id.module.text()));
    return event;
}

}  // namespace twinhub::hub

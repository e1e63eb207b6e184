#include "hub/notice.h"

#include "hub/events/change_events.h"

namespace twinhub::hub {

std::shared_ptr<DeviceEvent> make_notice(const NoticeKind& kind, const TwinId& id, Instant at,
                                         std::string body) {
    auto event = std::make_shared<DeviceEvent>();
    event->id = id;
    event->at = at;
    event->properties = {{"opType", std::string(kind.operation)},
                         {"iothub-message-source", std::string(kind.source)},
                         {"iothub-message-schema", std::string(kind.schema)},
                         {"deviceId", std::string(id.device.text())},
                         {"operationTimestamp", seven_digits(at)}};
    if (id.is_module()) event->properties.emplace_back("moduleId", std::string(id.module.text()));
    event->payload = std::move(body);
    return event;
}

}  // namespace twinhub::hub

#include "gateway/amqp/telemetry_link.h"

#include "gateway/amqp/conditions.h"
#include "gateway/amqp/connection.h"
#include "protocol/amqp/telemetry.h"

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

void TelemetryLink::arrived(wire::Arrived& arrived) {
    hub::Hub& hub = connection_.context().hub();
    auto messages = wire::read_telemetry(arrived.bytes, arrived.format);
    Result<> taken;
    if (!messages) taken = std::unexpected(messages.error());
    else taken = hub::decide(seat_.principal, hub::Operation::device_send, seat_.id);
    if (!taken) {
        const wire::Condition why = condition_of(taken.error(), connection_.tracking_id());
        return connection_.driver().settle(arrived.delivery, wire::Outcome::rejected, &why);
    }
    AmqpMetrics& metrics = connection_.context().metrics();
    for (wire::Telemetry& message : *messages) {
        metrics.telemetry.Increment();
        metrics.telemetry_bytes.Increment(static_cast<double>(message.payload.size()));
        if (!hub.device_events().is_heard()) continue;
        hub.device_events().publish(std::make_shared<const hub::DeviceEvent>(
            hub::DeviceEvent{.id = seat_.id,
                             .at = hub.clock().now(),
                             .properties = std::move(message.properties),
                             .payload = std::move(message.payload)}));
    }
    connection_.driver().settle(arrived.delivery, wire::Outcome::accepted);
}

}  // namespace twinhub::gateway::amqp

#include "gateway/mqtt/metrics.h"

#include "base/instruments.h"
#include "base/result.h"

namespace twinhub::gateway::mqtt {

MqttMetrics::MqttMetrics(prometheus::Registry& registry)
    : connections(prometheus::BuildGauge()
                      .Name("mqtt_connections")
                      .Help("MQTT connections open now")
                      .Register(registry)
                      .Add({})),
      accepted(counter(registry, "mqtt_connects_accepted_total", "CONNECTs that were accepted")),
      refused(counter(registry, "mqtt_connects_refused_total", "CONNECTs that were refused")),
      telemetry(
          counter(registry, "device_messages_total", "Device-to-cloud messages acknowledged")),
      telemetry_bytes(counter(registry, "device_message_bytes_total",
                              "Payload bytes of device-to-cloud messages")),
      paused(counter(registry, "mqtt_reading_paused_total",
                     "Times that reading stopped until a device took its answers")),
      closes_(prometheus::BuildCounter()
                  .Name("mqtt_connections_closed_total")
                  .Help("MQTT connections closed, by reason")
                  .Register(registry)) {
    for (std::size_t i = 0;
         i <= static_cast<std::size_t>(protocol::mqtt::CloseReason::packet_unexpected); ++i)
        closes_by_reason_[i] = &closes_.Add(
            {{"reason", std::string(name_of(static_cast<protocol::mqtt::CloseReason>(i)))}});
}

void MqttMetrics::closed(protocol::mqtt::CloseReason reason) {
    prometheus::Counter* which = closes_by_reason_[static_cast<std::size_t>(reason)];
    CHECK(which != nullptr);
    which->Increment();
}

}  // namespace twinhub::gateway::mqtt

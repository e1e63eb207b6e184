#include "gateway/amqp/metrics.h"

#include "base/instruments.h"

#include <string>

namespace twinhub::gateway::amqp {

std::string_view name_of(CloseReason reason) {
    switch (reason) {
        case CloseReason::closed_by_peer: return "closed_by_peer";
        case CloseReason::connection_lost: return "connection_lost";
        case CloseReason::not_amqp: return "not_amqp";
        case CloseReason::malformed: return "malformed";
        case CloseReason::limit_exceeded: return "limit_exceeded";
        case CloseReason::refused: return "refused";
        case CloseReason::not_authorised: return "not_authorised";
        case CloseReason::expired: return "expired";
        case CloseReason::idle: return "idle";
        case CloseReason::slow_consumer: return "slow_consumer";
        case CloseReason::taken_over: return "taken_over";
        case CloseReason::identity_gone: return "identity_gone";
        case CloseReason::shutting_down: return "shutting_down";
    }
    return "";
}

AmqpMetrics::AmqpMetrics(prometheus::Registry& registry)
    : connections(gauge(registry, "amqp_connections", "AMQP connections open now")),
      links(gauge(registry, "amqp_links", "AMQP links attached now")),
      tokens_accepted(counter(registry, "amqp_tokens_accepted_total",
                              "Tokens that AMQP clients put and that were good")),
      tokens_refused(counter(registry, "amqp_tokens_refused_total",
                             "Tokens that AMQP clients put and that were refused")),
      links_refused(
          counter(registry, "amqp_links_refused_total", "AMQP links that were not attached")),
      links_detached(
          counter(registry, "amqp_links_detached_total", "AMQP links detached by the server")),
      telemetry(
          counter(registry, "device_messages_total", "Device-to-cloud messages acknowledged")),
      telemetry_bytes(counter(registry, "device_message_bytes_total",
                              "Payload bytes of device-to-cloud messages")),
      paused(counter(registry, "amqp_reading_paused_total",
                     "Times that reading stopped until a client took its answers")),
      closes_(prometheus::BuildCounter()
                  .Name("amqp_connections_closed_total")
                  .Help("AMQP connections closed, by reason")
                  .Register(registry)) {
    for (std::size_t i = 0; i < reasons; ++i)
        closes_by_reason_[i] =
            &closes_.Add({{"reason", std::string(name_of(static_cast<CloseReason>(i)))}});
}

void AmqpMetrics::closed(CloseReason reason) {
    closes_by_reason_[static_cast<std::size_t>(reason)]->Increment();
}

}  // namespace twinhub::gateway::amqp

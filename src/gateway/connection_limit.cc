#include "gateway/connection_limit.h"

#include "base/instruments.h"

namespace twinhub::gateway {

ListenerMetrics::ListenerMetrics(prometheus::Registry& registry)
    : open(prometheus::BuildGauge()
               .Name("connections_open")
               .Help("Sockets of the service and device doors open now, handshakes included")
               .Register(registry)
               .Add({})),
      accepted(counter(registry, "connections_accepted_total", "Sockets that were accepted")),
      refused(counter(registry, "connections_refused_total",
                      "Sockets closed at once because too many were open")),
      handshakes_failed(counter(registry, "tls_handshakes_failed_total",
                                "TLS handshakes that failed or took too long")),
      accept_failures(counter(registry, "accept_failures_total",
                              "Times that the system could not give a new socket")) {}

}  // namespace twinhub::gateway

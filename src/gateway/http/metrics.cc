#include "gateway/http/metrics.h"

#include "base/instruments.h"

namespace twinhub::gateway::http {

HttpMetrics::HttpMetrics(prometheus::Registry& registry)
    : connections(prometheus::BuildGauge()
                      .Name("http_connections")
                      .Help("Open HTTP connections of services")
                      .Register(registry)
                      .Add({})),
      timeouts(counter(registry, "http_timeouts_total",
                       "HTTP connections ended because the peer was too slow")),
      bodies_refused(counter(registry, "http_bodies_refused_total",
                             "HTTP requests with a body above the limit")),
      devices_refused(counter(registry, "http_device_requests_refused_total",
                              "HTTP requests to a device's address without its credential")),
      device_messages(
          counter(registry, "device_messages_total", "Device-to-cloud messages acknowledged")),
      device_message_bytes(counter(registry, "device_message_bytes_total",
                                   "Payload bytes of device-to-cloud messages")) {
    auto& answers = prometheus::BuildCounter()
                        .Name("http_answers_total")
                        .Help("HTTP requests answered, by class of status")
                        .Register(registry);
    answers_ = {&answers.Add({{"status", "2xx"}}), &answers.Add({{"status", "4xx"}}),
                &answers.Add({{"status", "5xx"}})};
}

void HttpMetrics::answered(unsigned status) {
    answers_[status < 400 ? 0 : status < 500 ? 1 : 2]->Increment();
}

}  // namespace twinhub::gateway::http

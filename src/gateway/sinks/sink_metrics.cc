#include "gateway/sinks/sink_metrics.h"

namespace twinhub::gateway {
namespace {

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

}  // namespace

SinkMetrics::SinkMetrics(prometheus::Registry& registry)
    : handed(counters(registry, "sink_messages_handed_total",
                      "Device messages that a sink handed over")),
      lost(counters(registry, "sink_messages_lost_total",
                    "Device messages that a sink could not take or hand over")),
      failures(
          counters(registry, "sink_failures_total", "Attempts of a sink to hand over that failed")),
      waiting(prometheus::BuildGauge()
                  .Name("sink_messages_waiting")
                  .Help("Device messages that a sink has not handed over yet")
                  .Register(registry)) {}

}  // namespace twinhub::gateway

#include "gateway/routes/route_metrics.h"

namespace twinhub::gateway {
namespace {

prometheus::Family<prometheus::Counter>& counter(prometheus::Registry& registry, const char* name,
                                                 const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
prometheus::Family<prometheus::Gauge>& gauge(prometheus::Registry& registry, const char* name,
                                             const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

RouteMetrics::RouteMetrics(prometheus::Registry& registry)
    : delivered(counter(registry, "route_delivered_total", "Events that a sink has taken")),
      failures(counter(registry, "route_failures_total", "Attempts to deliver that failed")),
      dead_letters(counter(registry, "route_dead_letters_total",
                           "Events put aside because their sink refused them or stayed away")),
      lost(counter(registry, "route_lost_total",
                   "Events that nobody has: passing ones beyond the buffer, changes beyond what "
                   "history keeps")),
      undefined(counter(registry, "route_undefined_total",
                        "Events left because a condition could not be decided")),
      lag_changes(gauge(registry, "route_lag_changes", "Commits that a route has yet to look at")),
      lag_seconds(gauge(registry, "route_lag_seconds",
                        "Age of the oldest change that a route has yet to deliver")),
      waiting(gauge(registry, "route_waiting", "Passing events that wait for their sink")) {}

}  // namespace twinhub::gateway

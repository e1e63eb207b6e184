#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace twinhub::gateway {

// What routes count, each under its name. Made in apps/; there are as many labels as an operator
// configured routes.
struct RouteMetrics {
    explicit RouteMetrics(prometheus::Registry& registry);

    prometheus::Family<prometheus::Counter>& delivered;
    prometheus::Family<prometheus::Counter>& failures;
    prometheus::Family<prometheus::Counter>& dead_letters;
    prometheus::Family<prometheus::Counter>& lost;
    prometheus::Family<prometheus::Counter>& undefined;
    prometheus::Family<prometheus::Gauge>& lag_changes;
    prometheus::Family<prometheus::Gauge>& lag_seconds;
    prometheus::Family<prometheus::Gauge>& waiting;
};

}  // namespace twinhub::gateway

#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>

namespace twinhub::gateway {

// What the sinks count, each under its name. Made in apps/; there are as many labels as an operator
// configured sinks.
struct SinkMetrics {
    explicit SinkMetrics(prometheus::Registry& registry);

    prometheus::Family<prometheus::Counter>& handed;
    prometheus::Family<prometheus::Counter>& lost;
    prometheus::Family<prometheus::Counter>& failures;
    prometheus::Family<prometheus::Gauge>& waiting;
};

}  // namespace twinhub::gateway

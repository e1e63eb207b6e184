#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace twinhub::hub {

// What is counted about configurations.
struct ConfigurationMetrics {
    explicit ConfigurationMetrics(prometheus::Registry& registry);

    prometheus::Gauge& configurations;
    prometheus::Gauge& twins_waiting;     // to be looked at again
    prometheus::Counter& twins_settled;   // looked at
    prometheus::Counter& twins_changed;   // whose desired properties were changed by that
    prometheus::Counter& twins_too_full;  // that had no room for what is wanted of them
    prometheus::Counter& passes;          // over all twins of a configuration
};

}  // namespace twinhub::hub

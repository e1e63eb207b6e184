#pragma once

#include "hub/drift/converge_histogram.h"
#include "twin/drift/state.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>

namespace twinhub::hub {

// What is measured of drift: twins and properties by state, and how long devices take to converge.
class ConvergeMetrics {
public:
    explicit ConvergeMetrics(prometheus::Registry& registry);

    void twins(twin::drift::State state, std::int64_t by);
    void properties(twin::drift::State state, std::int64_t by);

    // From the last wish for a property to the report that met it.
    ConvergeHistogram by_property;
    // From the first wish that was not met to the report that met all; by the value of the tag that
    // the settings name, "" where a twin has none.
    ConvergeHistogram by_tag;
    // From what a configuration asked of a twin to the report that met the last of it.
    ConvergeHistogram by_configuration;
    // The same of a rollout.
    ConvergeHistogram by_rollout;

private:
    std::array<prometheus::Gauge*, twin::drift::state_count> twins_{};
    std::array<prometheus::Gauge*, twin::drift::state_count> properties_{};
};

}  // namespace twinhub::hub

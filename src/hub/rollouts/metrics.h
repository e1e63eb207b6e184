#pragma once

#include "hub/rollouts/gates.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>

namespace twinhub::hub {

// What is counted about rollouts.
struct RolloutMetrics {
    explicit RolloutMetrics(prometheus::Registry& registry);

    // A device came to that step, durably.
    void device(DeviceStep step);
    void rollouts(RolloutState state, std::int64_t by);

    prometheus::Counter& gates_passed;
    prometheus::Counter& gates_failed;
    prometheus::Counter& retried;  // groups of devices, after the store failed

private:
    std::array<prometheus::Counter*, device_step_count> devices_{};
    std::array<prometheus::Gauge*, 9> rollouts_{};
};

}  // namespace twinhub::hub

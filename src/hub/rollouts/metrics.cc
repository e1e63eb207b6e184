#include "hub/rollouts/metrics.h"

namespace twinhub::hub {
namespace {

prometheus::Family<prometheus::Counter>& gates_of(prometheus::Registry& registry) {
    return prometheus::BuildCounter()
        .Name("twin_rollout_gates_total")
        .Help("Gates of waves, by how they ended")
        .Register(registry);
}

}  // namespace

RolloutMetrics::RolloutMetrics(prometheus::Registry& registry)
    : gates_passed(gates_of(registry).Add({{"result", "passed"}})),
      gates_failed(gates_of(registry).Add({{"result", "failed"}})),
      retried(prometheus::BuildCounter()
                  .Name("twin_rollout_retries_total")
                  .Help("Groups of devices of rollouts that were tried again after the store "
                        "failed")
                  .Register(registry)
                  .Add({})) {
    auto& devices = prometheus::BuildCounter()
                        .Name("twin_rollout_devices_total")
                        .Help("Devices of rollouts, by what became of them")
                        .Register(registry);
    for (std::size_t i = 1; i < device_step_count; ++i)
        devices_[i] = &devices.Add({{"step", std::string(name_of(static_cast<DeviceStep>(i)))}});
    auto& rollouts = prometheus::BuildGauge()
                         .Name("twin_rollouts")
                         .Help("Rollouts, by where they stand")
                         .Register(registry);
    for (std::size_t i = 0; i < rollouts_.size(); ++i)
        rollouts_[i] =
            &rollouts.Add({{"state", std::string(name_of(static_cast<RolloutState>(i)))}});
}

void RolloutMetrics::device(DeviceStep step) {
    if (auto* counter = devices_[static_cast<std::size_t>(step)]) counter->Increment();
}

void RolloutMetrics::rollouts(RolloutState state, std::int64_t by) {
    rollouts_[static_cast<std::size_t>(state)]->Increment(static_cast<double>(by));
}

}  // namespace twinhub::hub

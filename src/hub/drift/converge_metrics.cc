#include "hub/drift/converge_metrics.h"

namespace twinhub::hub {
namespace {

prometheus::Family<prometheus::Gauge>& gauges(prometheus::Registry& registry, const char* name,
                                              const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

ConvergeMetrics::ConvergeMetrics(prometheus::Registry& registry)
    : by_property(registry, "twin_property_converge_seconds",
                  "From the last wish for a property to the report that met it", "property"),
      by_tag(registry, "twin_converge_seconds",
             "From the first wish that was not met to the report that met all", "tag"),
      by_configuration(registry, "twin_configuration_converge_seconds",
                       "From what a configuration asked of a twin to the report that met the last "
                       "of it",
                       "configuration"),
      by_rollout(registry, "twin_rollout_converge_seconds",
                 "From what a rollout asked of a device to the report that met the last of it",
                 "rollout") {
    auto& devices = gauges(registry, "twin_drift_devices",
                           "Twins of devices and modules by how far they are from what is desired");
    auto& each = gauges(registry, "twin_drift_properties",
                        "Desired properties by how far their devices are from them");
    for (const twin::drift::State state : twin::drift::states) {
        const std::string name(name_of(state));
        twins_[index_of(state)] = &devices.Add({{"state", name}});
        if (state != twin::drift::State::untracked)
            properties_[index_of(state)] = &each.Add({{"state", name}});
    }
}

void ConvergeMetrics::twins(twin::drift::State state, std::int64_t by) {
    twins_[index_of(state)]->Increment(static_cast<double>(by));
}

void ConvergeMetrics::properties(twin::drift::State state, std::int64_t by) {
    if (prometheus::Gauge* gauge = properties_[index_of(state)])
        gauge->Increment(static_cast<double>(by));
}

}  // namespace twinhub::hub

#include "hub/drift/converge_metrics.h"

namespace twinhub::hub {
namespace {

const prometheus::Histogram::BucketBoundaries boundaries{
    1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 43200, 86400, 604800};

template <class Builder>
auto& family(Builder builder, prometheus::Registry& registry, const char* name, const char* help) {
    return builder.Name(name).Help(help).Register(registry);
}

}  // namespace

ConvergeMetrics::ConvergeMetrics(prometheus::Registry& registry)
    : by_property_{&family(prometheus::BuildHistogram(), registry, "twin_property_converge_seconds",
                           "From the last wish for a property to the report that met it"),
                   "property",
                   {}},
      by_tag_{&family(prometheus::BuildHistogram(), registry, "twin_converge_seconds",
                      "From the first wish that was not met to the report that met all"),
              "tag",
              {}} {
    auto& devices = family(prometheus::BuildGauge(), registry, "twin_drift_devices",
                           "Twins of devices and modules by how far they are from what is desired");
    auto& each = family(prometheus::BuildGauge(), registry, "twin_drift_properties",
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

void ConvergeMetrics::property_converged(std::string_view path, double seconds) {
    by_property_.observe(path, seconds);
}

void ConvergeMetrics::twin_converged(std::string_view tag, double seconds) {
    by_tag_.observe(tag, seconds);
}

void ConvergeMetrics::ByLabel::observe(std::string_view value, double seconds) {
    prometheus::Histogram* histogram = nullptr;
    {
        const std::scoped_lock lock(mutex);
        auto found = known.find(value);
        if (found == known.end()) {
            if (known.size() >= labels_max) value = "other";
            found = known.find(value);
        }
        if (found == known.end())
            found = known
                        .emplace(std::string(value),
                                 &family->Add({{label, std::string(value)}}, boundaries))
                        .first;
        histogram = found->second;
    }
    histogram->Observe(seconds);
}

}  // namespace twinhub::hub

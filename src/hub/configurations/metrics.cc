#include "hub/configurations/metrics.h"

namespace twinhub::hub {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}
prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

ConfigurationMetrics::ConfigurationMetrics(prometheus::Registry& registry)
    : configurations(gauge(registry, "twin_configurations", "Automatic device configurations")),
      twins_waiting(gauge(registry, "twin_configuration_twins_waiting",
                          "Twins that changed and wait for their configurations")),
      twins_settled(counter(registry, "twin_configuration_twins_settled_total",
                            "Twins that were held against their configurations")),
      twins_changed(counter(registry, "twin_configuration_twins_changed_total",
                            "Twins whose desired properties configurations changed")),
      twins_too_full(counter(registry, "twin_configuration_twins_too_full_total",
                             "Twins without room for what their configurations say")),
      passes(counter(registry, "twin_configuration_passes_total",
                     "Passes over all twins of a configuration that came to their end")) {}

}  // namespace twinhub::hub

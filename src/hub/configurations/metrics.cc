#include "hub/configurations/metrics.h"

#include "base/instruments.h"

namespace twinhub::hub {

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

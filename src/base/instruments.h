#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace twinhub {

// A metric without labels.
inline prometheus::Counter& counter(prometheus::Registry& registry, const char* name,
                                    const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}
inline prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name,
                                const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace twinhub

#pragma once

#include "store/engine.h"

#include <prometheus/metric_family.h>

#include <vector>

namespace twinhub::apps {

// What the store takes on disk and in memory, by family: twin_store_*. `changes` is the history.
std::vector<prometheus::MetricFamily> store_figures(const store::Statistics& statistics);

}  // namespace twinhub::apps

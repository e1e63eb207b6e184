#include "apps/store_figures.h"

#include "store/batch.h"

#include <string>
#include <utility>

namespace twinhub::apps {
namespace {

using store::FamilyStatistics;

prometheus::ClientMetric gauge(std::uint64_t value) {
    prometheus::ClientMetric metric;
    metric.gauge.value = static_cast<double>(value);
    return metric;
}

prometheus::MetricFamily family(std::string name, std::string help) {
    prometheus::MetricFamily family;
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = prometheus::MetricType::Gauge;
    return family;
}

prometheus::MetricFamily by_family(std::string name, std::string help,
                                   const store::Statistics& statistics,
                                   std::uint64_t FamilyStatistics::* member) {
    prometheus::MetricFamily all = family(std::move(name), std::move(help));
    for (std::size_t i = 0; i < store::family_count; ++i) {
        prometheus::ClientMetric metric = gauge(statistics.families[i].*member);
        metric.label.push_back({"family", std::string(name_of(static_cast<store::Family>(i)))});
        all.metric.push_back(std::move(metric));
    }
    return all;
}

prometheus::MetricFamily single(std::string name, std::string help, std::uint64_t value) {
    prometheus::MetricFamily one = family(std::move(name), std::move(help));
    one.metric.push_back(gauge(value));
    return one;
}

}  // namespace

std::vector<prometheus::MetricFamily> store_figures(const store::Statistics& statistics) {
    return {
        by_family("twin_store_disk_bytes", "Sorted files, by family; changes is the history",
                  statistics, &FamilyStatistics::disk_bytes),
        by_family("twin_store_memory_bytes", "In the log and not yet in sorted files", statistics,
                  &FamilyStatistics::memory_bytes),
        by_family("twin_store_records", "Estimated number of records", statistics,
                  &FamilyStatistics::keys_estimated),
        single("twin_store_log_bytes", "The store's log", statistics.log_bytes),
        single("twin_store_compaction_pending_bytes", "What compaction has still to rewrite",
               statistics.compaction_bytes_pending),
    };
}

}  // namespace twinhub::apps

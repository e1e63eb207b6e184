#include "hub/metrics.h"

namespace twinhub::hub {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& notifications(prometheus::Registry& registry, const char* result) {
    return prometheus::BuildCounter()
        .Name("twin_notifications_total")
        .Help("Desired changes, by whether a device was there to be told")
        .Register(registry)
        .Add({{"result", result}});
}

const prometheus::Histogram::BucketBoundaries seconds{0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005,
                                                      0.01,   0.02,   0.05,   0.1,   0.5,   1};
// From a twin by its id to a scan at the end of its budget.
const prometheus::Histogram::BucketBoundaries query_seconds_bounds{
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30};
// Up to the limits of spec twin-document 6.
const prometheus::Histogram::BucketBoundaries sizes{64, 256, 1024, 2048, 4096, 8192, 16384, 32768};

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : devices_connected(
          gauge(registry, "twin_devices_connected", "Devices and modules connected now")),
      notifications_sent(notifications(registry, "sent")),
      notifications_missed(notifications(registry, "not_connected")),
      identity_operations(
          counter(registry, "twin_identity_ops_total", "Registry operations that succeeded")),
      identity_refusals(counter(registry, "twin_identity_refusals_total",
                                "Registry operations that were refused")),
      commit_failures(
          counter(registry, "twin_commit_failures_total", "Batches that the store refused")),
      records_damaged(counter(registry, "twin_records_damaged_total",
                              "Stored records that failed their checksum")),
      checkpoints(counter(registry, "twin_checkpoints_total", "Changed documents written whole")),
      twins_changed(gauge(registry, "twin_changed_documents",
                          "Documents whose newest state is in the change log alone")),
      twins_cached(gauge(registry, "twin_cached_documents", "Documents held in memory")),
      changes_expired(
          counter(registry, "twin_changes_expired_total", "History records removed by retention")),
      query_seconds(prometheus::BuildHistogram()
                        .Name("twin_query_seconds")
                        .Help("One page of a query, from its text to its rows")
                        .Register(registry)
                        .Add({}, query_seconds_bounds)),
      query_rows(counter(registry, "twin_query_rows_scanned_total", "Rows that queries looked at")),
      query_answers(
          counter(registry, "twin_query_rows_returned_total", "Rows that queries answered")),
      queries_slow(counter(registry, "twin_queries_slow_total",
                           "Pages of queries that were logged as slow")),
      live_queries(
          gauge(registry, "twin_live_queries", "Live queries, those without a reader too")),
      live_events(
          counter(registry, "twin_live_events_total", "Events of live queries that were found")),
      live_resets(counter(registry, "twin_live_resets_total",
                          "Live queries that began anew because their reader fell behind")),
      commit_seconds(prometheus::BuildHistogram()
                         .Name("twin_commit_seconds")
                         .Help("From handing a batch over to its being durable")
                         .Register(registry)
                         .Add({}, seconds)),
      certificates(registry) {
    auto& sections = prometheus::BuildHistogram()
                         .Name("twin_section_bytes")
                         .Help("Size of a part of a twin after a change wrote it")
                         .Register(registry);
    for (std::size_t i = 0; i < section_bytes_.size(); ++i)
        section_bytes_[i] =
            &sections.Add({{"section", std::array{"tags", "desired", "reported"}[i]}}, sizes);
    auto& queries = prometheus::BuildCounter()
                        .Name("twin_queries_total")
                        .Help("Pages of queries, by how they ended")
                        .Register(registry);
    for (std::size_t i = 0; i < queries_.size(); ++i)
        queries_[i] = &queries.Add({{"result", std::array{"answered", "refused", "throttled",
                                                          "unavailable", "failed"}[i]}});
    auto& family = prometheus::BuildCounter()
                       .Name("twin_ops_total")
                       .Help("Twin operations")
                       .Register(registry);
    for (std::size_t i = 0; i < twin_operations_.size(); ++i)
        twin_operations_[i] = &family.Add({{"side", (i & 4) != 0 ? "device" : "service"},
                                           {"op", (i & 2) != 0 ? "update" : "read"},
                                           {"result", (i & 1) != 0 ? "success" : "failure"}});
}

void Metrics::query_ended(QueryOutcome outcome) {
    queries_[static_cast<std::size_t>(outcome)]->Increment();
}

void Metrics::twin_operation(Side side, Operation operation, bool success) {
    const std::size_t index = (side == Side::device ? 4u : 0u) +
                              (operation == Operation::update ? 2u : 0u) + (success ? 1u : 0u);
    twin_operations_[index]->Increment();
}

void Metrics::sections_written(const twin::Change& change, const twin::Twin& next) {
    for (std::size_t i = 0; i < twin::parts.size(); ++i)
        if (change.part(twin::parts[i]))
            section_bytes_[i]->Observe(static_cast<double>(next.part(twin::parts[i]).size()));
}

}  // namespace twinhub::hub

#include "hub/metrics.h"

#include "base/instruments.h"

namespace twinhub::hub {
namespace {

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
      messages_sent(counter(registry, "cloud_messages_sent_total", "Messages to devices accepted")),
      messages_refused(counter(registry, "cloud_messages_refused_total",
                               "Messages to devices that found a full queue or no store")),
      messages_delivered(
          counter(registry, "cloud_messages_delivered_total", "Deliveries of messages to devices")),
      messages_abandoned(
          counter(registry, "cloud_messages_abandoned_total", "Messages that devices gave back")),
      messages_returned(counter(registry, "cloud_messages_returned_total",
                                "Deliveries in vain: given back, lock or connection lost")),
      messages_waiting(gauge(registry, "cloud_messages_waiting",
                             "Messages that wait for devices, those in their hands too")),
      feedback_waiting(
          gauge(registry, "cloud_message_feedback_waiting", "Feedback records not yet read")),
      feedback_dropped(counter(registry, "cloud_message_feedback_dropped_total",
                               "Feedback records that nobody read in time")),
      method_calls_waiting(gauge(registry, "method_calls_waiting",
                                 "Method calls that wait for a device or its answer")),
      method_answers_dropped(counter(registry, "method_answers_dropped_total",
                                     "Answers of devices that nobody waited for")),
      commit_seconds(prometheus::BuildHistogram()
                         .Name("twin_commit_seconds")
                         .Help("From handing a batch over to its being durable")
                         .Register(registry)
                         .Add({}, seconds)),
      certificates(registry),
      configurations(registry),
      drift(registry),
      jobs(registry),
      rollouts(registry) {
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
    auto& ends = prometheus::BuildCounter()
                     .Name("cloud_messages_ended_total")
                     .Help("Messages to devices that are gone, by how they ended")
                     .Register(registry);
    for (std::size_t i = 0; i < messages_ended_.size(); ++i)
        messages_ended_[i] =
            &ends.Add({{"end", std::array{"completed", "expired", "delivery_count_exceeded",
                                          "rejected", "purged"}[i]}});
    auto& calls = prometheus::BuildCounter()
                      .Name("method_calls_total")
                      .Help("Method calls, by how they ended")
                      .Register(registry);
    for (std::size_t i = 0; i < methods_.size(); ++i)
        methods_[i] = &calls.Add({{"result", std::array{"answered", "not_online", "timed_out",
                                                        "bad_answer", "refused", "unwanted"}[i]}});
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

void Metrics::message_ended(MessageEnd how) {
    messages_ended_[static_cast<std::size_t>(how)]->Increment();
}

void Metrics::method_ended(MethodOutcome outcome) {
    methods_[static_cast<std::size_t>(outcome)]->Increment();
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

#pragma once

#include "hub/certificates/metrics.h"
#include "hub/configurations/metrics.h"
#include "hub/drift/converge_metrics.h"
#include "hub/jobs/metrics.h"
#include "hub/messages/message_end.h"
#include "hub/rollouts/metrics.h"
#include "twin/change.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>

namespace twinhub::hub {

// What the hub counts; names from spec twin-document 14. Made in apps/, one for each hub.
struct Metrics {
    explicit Metrics(prometheus::Registry& registry);

    enum class Side : std::uint8_t { service, device };
    enum class Operation : std::uint8_t { read, update };
    void twin_operation(Side side, Operation operation, bool success);

    // How a page of a query ended.
    enum class QueryOutcome : std::uint8_t { answered, refused, throttled, unavailable, failed };
    void query_ended(QueryOutcome outcome);

    void message_ended(MessageEnd how);
    // How a method call ended.
    enum class MethodOutcome : std::uint8_t {
        answered,
        not_online,
        timed_out,
        bad_answer,
        refused,  // too many wait, or the hub ends
        unwanted
    };
    void method_ended(MethodOutcome outcome);

    // The size of each part that a change wrote, as its limit counts it.
    void sections_written(const twin::Change& change, const twin::Twin& next);

    prometheus::Gauge& devices_connected;
    prometheus::Counter& notifications_sent;    // handed to a connected, subscribed device
    prometheus::Counter& notifications_missed;  // the device was away: it catches up with a get
    prometheus::Counter& identity_operations;
    prometheus::Counter& identity_refusals;
    prometheus::Counter& commit_failures;
    prometheus::Counter& records_damaged;
    prometheus::Counter& checkpoints;  // documents written whole
    prometheus::Gauge& twins_changed;  // documents whose newest state is in the log alone
    prometheus::Gauge& twins_cached;
    prometheus::Counter& changes_expired;   // history records removed by retention
    prometheus::Histogram& query_seconds;   // one page of a query
    prometheus::Counter& query_rows;        // looked at
    prometheus::Counter& query_answers;     // rows given
    prometheus::Counter& queries_slow;      // pages that were logged for it
    prometheus::Gauge& live_queries;        // those that wait for their reader included
    prometheus::Counter& live_events;       // found for them
    prometheus::Counter& live_resets;       // readers too slow for their queries
    prometheus::Counter& messages_sent;     // messages to devices, accepted
    prometheus::Counter& messages_refused;  // a queue was full, or the store failed
    prometheus::Counter& messages_delivered;
    prometheus::Counter& messages_abandoned;  // by their receivers
    prometheus::Counter& messages_returned;   // these, and those whose lock ended
    prometheus::Gauge& messages_waiting;
    prometheus::Gauge& feedback_waiting;
    prometheus::Counter& feedback_dropped;  // too old, too many, or given out in vain too often
    prometheus::Gauge& method_calls_waiting;
    prometheus::Counter& method_answers_dropped;  // nobody waited for them
    prometheus::Histogram& commit_seconds;        // from hand-over to durable, a batch of a shard
    CertificateMetrics certificates;
    ConfigurationMetrics configurations;
    ConvergeMetrics drift;
    JobMetrics jobs;
    RolloutMetrics rollouts;

private:
    std::array<prometheus::Counter*, 8> twin_operations_{};
    std::array<prometheus::Counter*, 5> queries_{};
    std::array<prometheus::Counter*, 5> messages_ended_{};
    std::array<prometheus::Counter*, 6> methods_{};
    std::array<prometheus::Histogram*, twin::parts.size()> section_bytes_{};
};

}  // namespace twinhub::hub

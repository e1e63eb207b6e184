#pragma once

#include "base/log.h"
#include "base/time.h"
#include "gateway/sinks/sink_metrics.h"
#include "hub/device_events.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::gateway {

// What one sink says of itself: numbers always, lines in the log at most once a minute each, since
// both losses and failures come by the thousand. On the sink's loop, but waiting().
class SinkJournal {
public:
    SinkJournal(std::string name, SinkMetrics& metrics, Log& log);

    const std::string& name() const { return name_; }
    void taken();  // a message is here
    void handed(std::size_t messages);
    // Messages that were here; and such that never came so far.
    void gave_up(std::size_t messages, std::string_view why, Moment now);
    void turned_away(std::size_t messages, Moment now);
    // An attempt failed; what it held still waits. `what` holds no secret.
    void failed(std::string_view what, Moment now);
    // Those that the subscription dropped on their way here.
    void look_at(const hub::DeviceEvents::Subscription& subscription, Moment now);

    std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

private:
    void lost(std::size_t messages, std::string_view why, Moment now);
    void left(std::size_t messages);

    std::string name_;
    Log& log_;
    prometheus::Counter& handed_;
    prometheus::Counter& lost_;
    prometheus::Counter& failures_;
    prometheus::Gauge& gauge_;
    std::atomic<std::size_t> waiting_ = 0;
    std::uint64_t dropped_seen_ = 0;
    std::uint64_t lost_unsaid_ = 0;
    std::uint64_t failures_unsaid_ = 0;
    Moment next_loss_{};
    Moment next_failure_{};
};

}  // namespace twinhub::gateway

#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "gateway/deadlines.h"
#include "gateway/pause.h"
#include "gateway/routes/route_journal.h"
#include "gateway/routes/route_sink.h"
#include "hub/device_events.h"
#include "hub/events/route_reader.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace twinhub::gateway {

// What routes stand on. All of it outlives them and what they run.
struct RouteSeams {
    Executor executor;
    Deadlines& deadlines;
    const Clock& clock;
    Random& random;
    Log& log;
    RouteMetrics& metrics;
};

struct RouteOptions {
    std::string hub;                     // its name
    std::uint32_t attempts_max = 1'000;  // with one batch; then it is a dead letter
    std::size_t waiting_max = 10'000;    // passing events
    std::size_t waiting_bytes_max = 16 << 20;
    bool from_oldest = false;  // where a new route begins: with all that is kept
};

// Where what a route hears passes by.
using EventBuses = std::vector<std::pair<hub::EventSource, hub::DeviceEvents*>>;

// How a route is, for operators.
struct RouteState {
    enum class Doing : std::uint8_t { starting, waiting, delivering, retrying, stopped, disabled };
    std::string name;
    Doing doing = Doing::disabled;
    bool is_recorded = false;
    std::uint64_t behind = 0;  // commits that it has yet to look at
    std::optional<Instant> oldest_undelivered;
    std::size_t waiting = 0;  // passing events
    RouteJournal::Counts counts;
    std::string last_failure;
};

// One route at work, on one loop. What the feed tells goes out in its order, each batch when the
// one before it has arrived, and the place in the feed is saved behind it: after a crash the last
// batches come again, none is left out. What passes by waits in a bounded queue. A batch that its
// sink refuses is tried event by event; what is refused alone, or not taken in `attempts_max`
// attempts, is put aside in a grave, so that nothing holds up the rest for ever.
class RouteRunner final : public std::enable_shared_from_this<RouteRunner> {
public:
    // The last of `graves` is tried until it takes what the others do not.
    RouteRunner(std::shared_ptr<const hub::Route> route, std::unique_ptr<hub::RouteReader> reader,
                std::shared_ptr<RouteSink> sink, std::vector<std::shared_ptr<RouteSink>> graves,
                RouteOptions options, RouteSeams seams);
    ~RouteRunner();

    void start(const EventBuses& buses);
    // The server is about to end: hands over what passed by, and tries nothing again.
    void finish();
    // Ends as soon as what is under way ends.
    void stop();

    // Events that a restart would lose. On any thread.
    bool is_empty() const { return waiting_count_.load(std::memory_order_relaxed) == 0; }
    RouteState state() const;
    void show_lag();

private:
    enum class Went : std::uint8_t { through, nowhere };

    void take(const hub::DeviceEvent& passing, hub::EventSource source);
    Task<> run(std::shared_ptr<RouteRunner> self);
    Task<> find_place();
    Task<> deliver_page();
    Task<> deliver_passing();
    Task<bool> wants(hub::HubEvent& event);
    Task<Went> hand_over(EventBatch batch);
    Task<Went> bury(EventBatch batch, std::string why);
    Task<> save_if_due();
    Task<> rest();
    Task<> read_failed(Error error);
    bool is_over() const { return stopped_ || (finishing_ && queue_.empty()); }
    void left_queue(std::size_t events);
    Moment now() const { return seams_.clock.monotonic(); }

    const std::shared_ptr<const hub::Route> route_;
    const std::unique_ptr<hub::RouteReader> reader_;
    const std::shared_ptr<RouteSink> sink_;
    const std::vector<std::shared_ptr<RouteSink>> graves_;
    const RouteOptions options_;
    RouteSeams seams_;
    RouteJournal journal_;
    prometheus::Gauge& lag_changes_;
    prometheus::Gauge& lag_seconds_;
    prometheus::Gauge& waiting_gauge_;
    Pause pause_;

    hub::ChangeCursor cursor_;
    hub::ChangeCursor saved_;
    Moment next_save_{};
    bool has_place_ = false;
    bool at_end_ = false;
    std::optional<Instant> oldest_undelivered_;

    std::deque<hub::HubEvent> queue_;
    std::size_t queue_bytes_ = 0;
    std::atomic<std::size_t> waiting_count_ = 0;  // in the queue, and of it under way

    std::shared_ptr<void> news_;
    std::vector<std::unique_ptr<hub::DeviceEvents::Subscription>> heard_;
    std::uint64_t dropped_seen_ = 0;
    RouteState::Doing doing_ = RouteState::Doing::starting;
    bool finishing_ = false;
    bool stopped_ = false;
};

}  // namespace twinhub::gateway

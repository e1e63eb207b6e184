#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "gateway/deadlines.h"
#include "gateway/pause.h"
#include "gateway/routes/route_journal.h"
#include "gateway/routes/route_sink.h"
#include "hub/events/route.h"
#include "hub/events/route_reader.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
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
    std::uint32_t attempts_max = 1'000;  // with one batch; then it is a dead letter
    bool from_oldest = false;            // where a new route begins: with all that is kept
};

// What a route reads; nullptr where it hears nothing of it.
struct RouteReaders {
    std::unique_ptr<hub::RouteReader> changes;  // the feed
    std::unique_ptr<hub::RouteReader> events;   // the log of events
};

// How a route is, for operators.
struct RouteState {
    enum class Doing : std::uint8_t { starting, waiting, delivering, retrying, stopped, disabled };
    std::string name;
    Doing doing = Doing::disabled;
    bool is_recorded = false;
    std::uint64_t behind = 0;   // commits that it has yet to look at
    std::uint64_t waiting = 0;  // events of the log that it has yet to look at
    std::optional<Instant> oldest_undelivered;
    RouteJournal::Counts counts;
    std::string last_failure;
};

// One route at work, on one loop. What the feed and the log tell goes out in their order, each
// batch when the one before it has arrived, and the place is saved behind it: after a crash the
// last batches come again, none is left out. A batch that its sink refuses is tried event by event;
// what is refused alone, or not taken in `attempts_max` attempts, is put aside in a grave, so that
// nothing holds up the rest for ever.
class RouteRunner final : public std::enable_shared_from_this<RouteRunner> {
public:
    // The last of `graves` is tried until it takes what the others do not.
    RouteRunner(std::shared_ptr<const hub::Route> route, RouteReaders readers,
                std::shared_ptr<RouteSink> sink, std::vector<std::shared_ptr<RouteSink>> graves,
                RouteOptions options, RouteSeams seams);
    ~RouteRunner();

    void start();
    // The server is about to end: hands over what the log still has, and tries nothing again.
    void finish();
    // Ends as soon as what is under way ends.
    void stop();

    // After finish(). On any thread.
    bool is_finished() const { return finished_.load(std::memory_order_relaxed); }
    RouteState state() const;
    void show_lag();

private:
    enum class Went : std::uint8_t { through, nowhere };

    // One way to events, and how far the route has come on it.
    struct Lane {
        explicit Lane(std::unique_ptr<hub::RouteReader> from) : reader(std::move(from)) {}
        std::unique_ptr<hub::RouteReader> reader;
        bool goes_on_to_the_end = false;  // not needed where everything is kept for long
        hub::ChangeCursor cursor, saved;
        Moment next_save{};
        bool has_place = false;
        bool at_end = false;
        std::optional<Instant> oldest_undelivered;
        std::shared_ptr<void> news;

        std::uint64_t behind() const;
        bool is_saved() const { return !has_place || cursor == saved; }
    };

    Task<> run(std::shared_ptr<RouteRunner> self);
    Task<> find_place(Lane& lane);
    Task<Went> deliver_page(Lane& lane);
    Task<Went> hand_over(EventBatch batch);
    Task<Went> bury(EventBatch batch, std::string why);
    Task<> save_if_due(Lane& lane);
    Task<> rest();
    Task<> read_failed(Lane& lane, Error error);
    bool is_over() const;
    bool is_due(const Lane& lane) const {
        return !lane.at_end && (!finishing_ || lane.goes_on_to_the_end);
    }
    Moment now() const { return seams_.clock.monotonic(); }

    const std::shared_ptr<const hub::Route> route_;
    const std::shared_ptr<RouteSink> sink_;
    const std::vector<std::shared_ptr<RouteSink>> graves_;
    const RouteOptions options_;
    RouteSeams seams_;
    RouteJournal journal_;
    prometheus::Gauge& lag_changes_;
    prometheus::Gauge& lag_seconds_;
    prometheus::Gauge& waiting_gauge_;
    Pause pause_;

    std::optional<Lane> changes_, events_;
    std::vector<Lane*> lanes_;  // those that are there
    RouteState::Doing doing_ = RouteState::Doing::starting;
    bool finishing_ = false;
    bool stopped_ = false;
    std::atomic<bool> finished_ = false;
};

}  // namespace twinhub::gateway

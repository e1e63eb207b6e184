#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "hub/device_events.h"
#include "hub/events/hub_event.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace twinhub::store {
class Engine;
}  // namespace twinhub::store

namespace twinhub::hub {

class CommitQueue;
class Hub;

struct EventLogLimits {
    Ticks age = std::chrono::days{1};              // how long an event waits for its routes
    std::uint64_t bytes = std::uint64_t{1} << 30;  // of all that wait
    // Events on their way to a disk that does not take them.
    std::size_t unwritten_max = 10'000;
    std::size_t unwritten_bytes_max = std::size_t{16} << 20;
};

// Written down, in the order they came: the events that routes hear and that no other record holds
// (messages of devices, connections, drift, and how work stands). So a sink may be slow or dead,
// and the hub may die: each route reads the log from a place of its own. What all of them have
// delivered is removed, and what is older or more than the limits say, but for the newest event,
// which keeps the numbers. On the loop of the routes.
class EventLog : public std::enable_shared_from_this<EventLog> {
public:
    // Reads what is there; may wait for the disk. Errors: corrupted, which names the record.
    static Result<std::shared_ptr<EventLog>> open(Hub& hub, Executor loop, EventLogLimits limits);
    ~EventLog();

    // Writes down what passes by on that bus from now on, which outlives the log.
    void hear(EventSource source, DeviceEvents& bus);
    void stop_hearing();
    // Every second or two: tries again what a disk did not take, and removes what may go.
    void tick();

    std::uint64_t oldest() const { return oldest_; }
    std::uint64_t newest() const { return durable_; }  // behind the last one that can be read
    bool is_settled() const { return unwritten_.empty(); }
    // Of that source, because they could not be written down in time.
    std::uint64_t lost(EventSource source) const { return lost_[static_cast<std::size_t>(source)]; }

    // Calls back on the loop, until the result is destroyed, when there is something newer to read.
    std::shared_ptr<void> listen(std::function<void()> news);
    // The route of that name needs nothing before `place` any more. Those that never said so hold
    // nothing.
    void hold(const std::string& route, std::uint64_t place);

private:
    struct Unwritten {
        std::uint64_t number = 0;
        std::string key;
        std::string value;
    };
    // Neighbours, for the limits: how much there is of what age.
    struct Stretch {
        std::uint64_t first = 0;
        std::uint64_t behind_last = 0;
        std::uint64_t bytes = 0;
        Instant newest{};
    };
    struct Heard {
        EventSource source;
        std::unique_ptr<DeviceEvents::Subscription> subscription;
        std::uint64_t lost = 0;  // as counted
    };

    EventLog(Hub& hub, Executor loop, EventLogLimits limits);
    void take(const DeviceEvent& passing, EventSource source);
    void count(std::uint64_t number, std::uint64_t bytes, Instant at);
    void write(const Unwritten& event);
    void written(std::uint64_t number);
    void count_losses();
    void trim();
    void tell();

    Hub& hub_;
    Executor loop_;
    const EventLogLimits limits_;
    std::unique_ptr<CommitQueue> queue_;
    std::vector<Heard> heard_;

    std::uint64_t oldest_ = 1;
    std::uint64_t durable_ = 1;
    std::uint64_t next_ = 1;
    std::deque<Unwritten> unwritten_;
    std::size_t unwritten_bytes_ = 0;
    bool failing_ = false;
    std::deque<Stretch> stretches_;
    std::uint64_t bytes_ = 0;
    std::map<std::string, std::uint64_t> holds_;
    Moment next_trim_{};
    std::array<std::uint64_t, event_sources> lost_{};
    std::list<std::function<void()>> listeners_;
};

// Some events of the log, read back.
struct LoggedEvents {
    std::vector<std::pair<std::uint64_t, HubEvent>> events;
    std::uint64_t next = 0;  // behind the last one
};
// From number `first` on, below `behind_last`; about 2,000 events or 2 MiB at most. May wait for
// the disk. Errors: corrupted, which names the record.
Result<LoggedEvents> read_events(const store::Engine& engine, std::uint64_t first,
                                 std::uint64_t behind_last);

}  // namespace twinhub::hub

#pragma once

#include "base/task.h"
#include "base/time.h"
#include "hub/live_plan.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// What a live query tells its reader (spec query-language 11).
struct LiveEvent {
    enum class Kind : std::uint8_t { snapshot, enter, change, leave, group, reset };
    Kind kind = Kind::snapshot;
    // With it a reader that comes back goes on behind this event; empty where that cannot be.
    std::string token;
    std::string data;  // JSON, one line
};
std::string_view name_of(LiveEvent::Kind kind);

// One live query: what its shards found and its reader has not taken, or may have to read again
// after a lost connection. Shards write, one reader at a time reads; any thread.
//
// A generation is one snapshot with the events behind it. Each shard says when its part of the
// snapshot was taken, and what it pushes for another generation is dropped. So an event is never
// about a change that the snapshot already shows.
class LiveQuery {
public:
    LiveQuery(LivePlan plan, std::string id, std::string principal, std::size_t bytes_max);

    const LivePlan& plan() const { return plan_; }
    const std::string& id() const { return id_; }
    const std::string& principal() const { return principal_; }
    // Nobody will read it again: shards forget it.
    bool is_over() const { return over_.load(std::memory_order_relaxed); }
    void end();

    // --- shards ----------------------------------------------------------------------------------
    // False when this shard had begun this generation before: its part changed under the reader.
    bool begun(std::size_t shard, std::uint64_t generation);
    bool push(std::uint64_t generation, LiveEvent::Kind kind, std::string data);
    void touch(std::uint64_t generation);  // of groups: some may have changed
    void overflow(std::uint64_t generation);
    // Now and then: ends what is parked for too long, and wakes the reader of changed groups.
    void tick(Moment now);

    // --- its reader ------------------------------------------------------------------------------
    // Takes the place of an earlier reader; what it says is used in all other calls.
    std::uint64_t attach();
    // The same behind the event of that token; nothing when that is not kept any more.
    std::optional<std::uint64_t> resume(std::uint64_t number);
    void detach(std::uint64_t reader);
    bool is_parked(Moment& since) const;

    enum class Next : std::uint8_t {
        ended,     // this reader has no more to get
        reset,     // too much waited: a new generation has to begin
        snapshot,  // the snapshot goes on
        count,     // of groups: they are to be counted again
        events,
        nothing
    };
    Next next(std::uint64_t reader, Moment now);
    std::uint64_t begin(std::uint64_t reader);  // a new generation
    std::uint64_t generation(std::uint64_t reader) const;
    // The snapshot is read whole: events may follow. Its token.
    std::string complete(std::uint64_t reader);
    std::vector<LiveEvent> take(std::uint64_t reader, std::size_t bytes_max);
    // Calls `ready` once, on that loop, when `next` may say something else.
    void wait(std::uint64_t reader, Executor executor, std::move_only_function<void()> ready);

    // Groups as told last, by key. Gives those that differ now as events; `counted` when it began.
    void start_count(std::uint64_t reader, Moment now);
    std::size_t tell_groups(std::uint64_t reader, std::vector<KeyedRow> rows);
    void set_groups(std::uint64_t reader, const std::vector<KeyedRow>& rows);

private:
    std::string token(std::uint64_t number) const;
    bool append(LiveEvent::Kind kind, std::string data);
    void make_room();
    void wake();

    const LivePlan plan_;
    const std::string id_;
    const std::string principal_;
    const std::size_t bytes_max_;
    std::atomic<bool> over_ = false;

    mutable std::mutex mutex_;
    std::uint64_t generation_ = 0;
    std::set<std::size_t> begun_;  // shards, in this generation
    bool complete_ = false;
    bool overflowed_ = false;
    std::uint64_t base_ = 0;        // number of the snapshot's last event
    std::uint64_t last_ = 0;        // newest number given
    std::uint64_t sent_ = 0;        // newest number taken
    std::deque<LiveEvent> events_;  // up to last_, each number once
    std::size_t bytes_ = 0;
    bool touched_ = false;
    std::optional<Moment> counted_;
    std::map<std::string, std::string> groups_;

    std::uint64_t reader_ = 0;
    bool attached_ = false;
    std::optional<Moment> parked_;
    Executor executor_;
    std::move_only_function<void()> waiter_;
};

}  // namespace twinhub::hub

#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "hub/live_query.h"
#include "hub/metrics.h"
#include "hub/queries.h"
#include "hub/settings.h"
#include "hub/shard_live.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace twinhub::hub {

// What is asked of a live query.
struct LiveRequest {
    std::shared_ptr<const query::Plan> plan;
    std::string principal;  // pays for the snapshot; only the same one may come back
    std::string resume;     // token of the last event that came through; empty: from the start
};

// Reads one live query. When it goes without end(), the query is parked: for a minute it keeps what
// happens, while there is room, for a reader that comes back.
class LiveReader {
public:
    ~LiveReader();
    LiveReader(const LiveReader&) = delete;
    LiveReader& operator=(const LiveReader&) = delete;

    // Waits for the next events; gives about that many bytes at a time. First the snapshot, in
    // parts, unless it goes on behind a token. On the same loop each time, one at a time. Errors:
    // of the snapshot as of Queries::run; unavailable: it will not go on (another reader has taken
    // over, the hub needs the room, the fleet changes faster than the answer can be read).
    Task<Result<std::vector<LiveEvent>>> next(std::size_t bytes_max);

    // Ends a `next` that waits, and all later ones. Any thread.
    void stop();
    bool is_resumed() const;
    // Of the newest event that `next` gave, or of the token that it goes on behind; empty before
    // the snapshot is whole.
    const std::string& token() const;

private:
    friend class LiveQueries;
    struct State;
    explicit LiveReader(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

// Queries whose answers are kept up: a snapshot, then what enters, changes and leaves (spec
// query-language 11). Callable on any loop.
//
// Memory: each holds at most Settings::live_query_bytes_max of events, and nothing per row. A
// reader that falls behind by more gets a fresh snapshot.
class LiveQueries {
public:
    LiveQueries(Queries& queries, const Settings& settings, const Clock& clock, Random& random,
                Metrics& metrics, std::shared_ptr<LiveCount> count);
    ~LiveQueries();

    // Errors: argument_invalid (a query that cannot be live), throttled (too many).
    Result<std::unique_ptr<LiveReader>> open(LiveRequest request);

private:
    friend class LiveReader;
    struct Parts;
    std::shared_ptr<LiveQuery> find(const std::string& token, const LiveRequest& request,
                                    std::uint64_t& number);
    Result<> make_room();

    std::unique_ptr<Parts> parts_;
    const Settings& settings_;
    Random& random_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<LiveQuery>> queries_;
};

}  // namespace twinhub::hub

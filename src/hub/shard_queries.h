#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "fleet/scan/explain.h"
#include "fleet/scan/groups.h"
#include "fleet/scan/scan.h"
#include "hub/live_columns.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace twinhub::hub {

class Shard;

// One query under way, shared by the shards that work on it.
struct RunningQuery {
    std::shared_ptr<const query::Plan> plan;
    std::string id;     // names its cursors in all shards
    std::string after;  // position behind which a new scan begins
    Instant now{};      // the query's own
    Moment deadline{};
    std::uint64_t rows_max = 0;             // to look at, in each shard; 0 = no limit
    std::optional<std::size_t> only_shard;  // where all rows of the answer are
    std::function<bool()> wanted;           // asked by every shard
    // Told by each shard, on its loop, at the moment that its part of the answer will show.
    std::function<void(Shard&)> began;

    // Filled by the shards, each under the mutex.
    std::mutex mutex;
    fleet::Groups groups;
    std::vector<fleet::ScanFacts> facts;
    std::uint64_t rows_looked_at = 0;
    std::chrono::nanoseconds work{};  // on all loops, waiting left out

    RunningQuery(std::shared_ptr<const query::Plan> what, std::string name)
        : plan(std::move(what)), id(std::move(name)), groups(*plan) {}
};

// The part of all queries that one shard does, on its loop: scans over its columns, in slices that
// hold the loop for less than two milliseconds, and the cursors that wait for their next page.
class ShardQueries {
public:
    ShardQueries(Shard& shard, LiveColumns& columns, const Clock& clock, std::size_t cursors_max);
    ~ShardQueries();

    // Runs the scan of a query to its end; a shard that has its cursor still does nothing. Groups
    // go to the query, rows stay here until `read`. Errors: unavailable, canceled.
    Task<Result<>> scan(std::shared_ptr<RunningQuery> query);

    // How the query would be answered, without looking at a row.
    Result<> explain(RunningQuery& query);

    // The next rows behind a position, as a piece of a page; documents are left to `render`.
    Task<Result<fleet::Cursor::Page>> read(std::shared_ptr<RunningQuery> query, std::string after,
                                           std::size_t count);

    // The JSON of rows that need their document; nothing for one that is not in the answer.
    Task<Result<std::vector<std::optional<std::string>>>> render(
        std::shared_ptr<RunningQuery> query, std::vector<fleet::Entry> entries);

    void forget(const std::string& id);
    void tick(Moment now);  // forgets what waited too long
    std::size_t cursors() const { return cursors_.size(); }

private:
    struct Waiting {
        std::unique_ptr<fleet::Scan> scan;
        Moment used{};
        bool done = false;
    };
    class Slice;

    Waiting* find(const std::string& id);
    Result<> check(const RunningQuery& query) const;
    json::object document(const query::Plan& plan, fleet::Row row, const TwinView& view) const;
    Task<Result<>> give_documents(std::shared_ptr<RunningQuery> query, Slice& slice);
    static TwinId id_of(const fleet::Key& key);

    Shard& shard_;
    LiveColumns& columns_;
    const Clock& clock_;
    std::size_t cursors_max_;
    std::unordered_map<std::string, Waiting> cursors_;
};

}  // namespace twinhub::hub

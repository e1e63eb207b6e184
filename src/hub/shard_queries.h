#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "fleet/scan/explain.h"
#include "fleet/scan/groups.h"
#include "fleet/scan/scan.h"
#include "hub/as_of/past_slot.h"
#include "hub/live_columns.h"
#include "store/engine.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace twinhub::hub {

class DriftJudge;
struct KnownPast;
class KnownPasts;
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
    std::optional<Slot> only_slot;          // the same
    // The moment that is asked about; the plan is one for the past then (past_plan). Nothing: now.
    std::optional<Instant> as_of;
    PastBudget past;               // of all shards
    std::function<bool()> wanted;  // asked by every shard
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
// hold the loop for less than two milliseconds, and the cursors that wait for their next page. A
// query AS OF an earlier moment is answered by two scans: one over the columns, without the twins
// that are not what they were, and one over a table of what those were.
class ShardQueries {
public:
    struct Parts {
        Shard& shard;
        LiveColumns& columns;
        const Clock& clock;
        std::size_t cursors_max = 0;
        store::Engine& engine;
        Executor pool;
        const DriftJudge& judge;
    };
    explicit ShardQueries(Parts parts);
    ~ShardQueries();

    // Runs the scan of a query to its end; a shard that has its cursor still does nothing. Groups
    // go to the query, rows stay here until `read`. Errors: unavailable, canceled, of the past
    // history_unavailable and corrupted.
    Task<Result<>> scan(std::shared_ptr<RunningQuery> query);

    // How the query would be answered, without looking at a row.
    Result<> explain(RunningQuery& query);

    // Where rows come from: the columns, or the table of what changed twins were.
    enum class Source : std::uint8_t { present, past };

    // The next rows behind a position, as a piece of a page; documents are left to `render`.
    Task<Result<fleet::Cursor::Page>> read(std::shared_ptr<RunningQuery> query, Source source,
                                           std::string after, std::size_t count);

    // The JSON of rows that need their document; nothing for one that is not in the answer.
    Task<Result<std::vector<std::optional<std::string>>>> render(
        std::shared_ptr<RunningQuery> query, Source source, std::vector<fleet::Entry> entries);

    // A twin has become another one: told for those who prepare an answer about the past.
    void changed(const TwinId& id) {
        for (auto& [query, ids] : preparing_) ids.insert(id);
    }

    void forget(const std::string& id);
    void tick(Moment now);  // forgets what waited too long
    std::size_t cursors() const { return cursors_.size(); }

private:
    struct Past;    // a table of the past and the scan over it
    struct Undone;  // what one question about the past needs on the way
    struct Waiting {
        std::unique_ptr<fleet::Scan> scan;
        std::shared_ptr<Past> past;
        Moment used{};
        bool done = false;

        fleet::Scan* of(Source source) const;
    };
    class Slice;

    Waiting* find(const std::string& id);
    fleet::Scan* find(const std::string& id, Source source);
    Result<> check(const RunningQuery& query) const;
    Result<> make_room();
    std::unique_ptr<fleet::Scan> new_scan(const RunningQuery& query);
    void enter(const std::string& id, std::unique_ptr<fleet::Scan> scan);
    void retire(Waiting waiting);
    Task<Result<>> run(std::shared_ptr<RunningQuery> query, Source source);
    Task<Result<>> begin_past(std::shared_ptr<RunningQuery> query);
    Task<Result<>> prepare_past(std::shared_ptr<RunningQuery> query, Undone& undone);
    Task<Result<>> undo(std::shared_ptr<RunningQuery> query, Undone& undone);
    Task<Result<>> undo_more(std::shared_ptr<RunningQuery> query, Undone& undone);
    Task<Result<>> find_waiting(std::shared_ptr<RunningQuery> query, Undone& undone);
    Task<Result<>> read_present(std::shared_ptr<RunningQuery> query, std::vector<TwinId> ids,
                                Undone& undone);
    Task<Result<>> make_table(std::shared_ptr<RunningQuery> query, Undone& undone);
    std::vector<std::uint64_t> shown() const;
    template <class Work>
    Task<Result<>> each_slot(std::shared_ptr<RunningQuery> query, Undone& undone, Work work);
    void retire(std::vector<std::unique_ptr<KnownPast>> pasts);
    json::object document(const query::Plan& plan, fleet::Row row, const TwinView& view) const;
    Task<Result<>> give_documents(std::shared_ptr<RunningQuery> query, Source source, Slice& slice);
    static TwinId id_of(const fleet::Key& key);

    Shard& shard_;
    LiveColumns& columns_;
    const Clock& clock_;
    std::size_t cursors_max_;
    store::Engine& engine_;
    Executor pool_;
    const DriftJudge& judge_;
    std::unordered_map<std::string, Waiting> cursors_;
    // By query: what has become another twin since its shown sequences were noted.
    std::unordered_map<std::string, std::unordered_set<TwinId>> preparing_;
    std::unique_ptr<KnownPasts> known_pasts_;
};

}  // namespace twinhub::hub

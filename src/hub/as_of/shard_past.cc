// How a shard answers about the past: which rows of its columns are not what they were, and what
// those were.
#include "hub/as_of/past_plan.h"
#include "hub/off_loop.h"
#include "hub/shard.h"
#include "hub/shard_queries_parts.h"
#include "twin/drift/state.h"

#include <map>

namespace twinhub::hub {

using SnapshotPtr = std::shared_ptr<const store::Snapshot>;

namespace {

// How long one query may have a thread of the pool before others have their turn.
constexpr std::chrono::milliseconds pool_time{10};

void charge(RunningQuery& query, Moment::duration time) {
    const std::scoped_lock lock(query.mutex);
    query.work += time;
}

}  // namespace

struct ShardQueries::Undone {
    SnapshotPtr snapshot;
    std::vector<std::uint64_t> shown;    // by slot: what the columns show, or more of it
    std::unordered_set<TwinId> changed;  // not what they were, or read from the store anyway
    std::vector<PastRow> rows;           // what those were that existed
    std::vector<fleet::Row> left_out;    // where they are in the columns
    bool modules = false;

    void add(std::vector<PastRow> more) {
        for (PastRow& row : more)
            if (row.id.is_module() == modules) rows.push_back(std::move(row));
    }
};

// Before the scan over the columns begins, everything is read that may take long; what becomes
// another twin meanwhile is noted, and read when the scan holds the rest.
Task<Result<>> ShardQueries::begin_past(std::shared_ptr<RunningQuery> query) {
    const std::string id = query->id;
    if (preparing_.contains(id))
        co_return failure(Code::unavailable, "This page is being read by another request");
    Undone undone;
    undone.modules = query->plan->collection == query::Collection::modules;
    preparing_[id];
    undone.shown.resize(slot_count);
    for (std::uint32_t slot = 0; slot < slot_count; ++slot)
        undone.shown[slot] = shard_.shown_sequence(static_cast<Slot>(slot));
    Result<> read = co_await undo(query, undone);
    if (read && reads_drift(*query->plan)) read = co_await find_waiting(query, undone);
    std::vector<TwinId> late;
    for (const TwinId& each : preparing_[id])
        if (each.is_module() == undone.modules) late.push_back(each);
    preparing_.erase(id);
    CO_TRY_VOID(read);

    // From here to the end of this turn nothing can change.
    std::unique_ptr<fleet::Scan> scan = new_scan(*query);
    const fleet::Table& table = columns_.table(query->plan->collection);
    for (const fleet::Row row : undone.left_out) scan->leave_out(row);
    for (const TwinId& each : late)
        if (const auto row = table.find({each.device.text(), each.module.text()}))
            scan->leave_out(*row);
    enter(id, std::move(scan));

    std::erase_if(late, [&](const TwinId& each) { return undone.changed.contains(each); });
    CO_TRY_VOID(co_await read_present(query, std::move(late), undone));
    const DriftJudge* const judge = reads_drift(*query->plan) ? &judge_ : nullptr;
    const auto rows = std::make_shared<std::vector<PastRow>>(std::move(undone.rows));
    auto make = [rows, judge] { return std::make_shared<PastTable>(std::move(*rows), judge); };
    const auto made = co_await off_loop<std::shared_ptr<PastTable>>(pool_, std::move(make));
    Waiting* const waiting = find(id);
    if (waiting == nullptr)
        co_return failure(Code::unavailable, "The query was given up: too many run at once");
    fleet::ScanOptions options;
    options.after = query->after;
    waiting->past.reset(
        new Past{.table = made,
                 .scan = fleet::Scan(query->plan, made->table(), query->now, std::move(options))});
    co_return Result<>{};
}

Task<Result<>> ShardQueries::undo(std::shared_ptr<RunningQuery> query, Undone& undone) {
    Slice slice(clock_, shard_.executor(), *query);
    undone.snapshot = co_await off_loop<SnapshotPtr>(pool_, [this] { return engine_.snapshot(); });
    const fleet::Table& table = columns_.table(query->plan->collection);
    std::vector<Slot> slots;
    for (std::uint32_t each = 0; each < slot_count; ++each) {
        const auto slot = static_cast<Slot>(each);
        if (shard_.owns(slot) && query->only_slot.value_or(slot) == slot) slots.push_back(slot);
    }
    for (std::size_t next = 0; next < slots.size();) {
        auto read = [this, &undone, query, slots, next]() -> Result<std::vector<PastSlot>> {
            const Moment began = clock_.monotonic();
            std::vector<PastSlot> found;
            Result<> done = {};
            while (done && next + found.size() < slots.size() &&
                   clock_.monotonic() - began < pool_time) {
                const Slot slot = slots[next + found.size()];
                Result<PastSlot> past = past_of_slot(*undone.snapshot, slot, *query->as_of,
                                                     undone.shown[slot], query->past);
                if (past) found.push_back(*std::move(past));
                else done = std::unexpected(std::move(past).error());
            }
            charge(*query, clock_.monotonic() - began);
            if (!done) return std::unexpected(std::move(done).error());
            return found;
        };
        CO_TRY(std::vector<PastSlot> found,
               co_await off_loop<Result<std::vector<PastSlot>>>(pool_, std::move(read)));
        next += found.size();
        for (PastSlot& past : found) {
            for (TwinId& id : past.changed) {
                if (id.is_module() != undone.modules) continue;
                if (const auto row = table.find({id.device.text(), id.module.text()}))
                    undone.left_out.push_back(*row);
                undone.changed.insert(std::move(id));
                if (slice.is_over()) co_await slice.give_way();
            }
            undone.add(std::move(past.rows));
        }
        CO_TRY_VOID(check(*query));
    }
    co_return Result<>{};
}

// What waits, waits in the columns for a device that is there or is not: nobody knows whether it
// was then. So these are judged anew, by their documents alone.
Task<Result<>> ShardQueries::find_waiting(std::shared_ptr<RunningQuery> query, Undone& undone) {
    using twin::drift::State;
    const fleet::Table& table = columns_.table(query->plan->collection);
    Slice slice(clock_, shard_.executor(), *query);
    std::vector<TwinId> waiting;
    for (fleet::Row row = 0; row < table.row_count(); ++row) {
        if (row % 64 == 0 && slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
        }
        if (!table.is_live(row)) continue;
        const auto state = table.drift_state(row);
        // A twin with a drifted property may have others that wait.
        bool waits = false;
        for (const State one : {State::pending, State::offline, State::stale})
            waits = waits || state == one || table.drift_count(row, one) != 0;
        if (!waits) continue;
        TwinId id = id_of(table.key(row));
        if (undone.changed.contains(id)) continue;
        undone.left_out.push_back(row);
        undone.changed.insert(id);
        waiting.push_back(std::move(id));
    }
    CO_TRY_VOID(query->past.charge(waiting.size(), 0));
    co_return co_await read_present(query, std::move(waiting), undone);
}

Task<Result<>> ShardQueries::read_present(std::shared_ptr<RunningQuery> query,
                                          std::vector<TwinId> ids, Undone& undone) {
    std::map<Slot, std::vector<TwinId>> by_slot;
    for (TwinId& id : ids) by_slot[slot_of(id.device)].push_back(std::move(id));
    for (auto& [slot, wanted] : by_slot) {
        auto read = [this, query, snapshot = undone.snapshot, at = slot,
                     those = std::move(wanted)] {
            const Moment began = clock_.monotonic();
            auto rows = present_of_slot(*snapshot, at, those);
            charge(*query, clock_.monotonic() - began);
            return rows;
        };
        CO_TRY(std::vector<PastRow> rows,
               co_await off_loop<Result<std::vector<PastRow>>>(pool_, std::move(read)));
        undone.add(std::move(rows));
        CO_TRY_VOID(check(*query));
    }
    co_return Result<>{};
}

}  // namespace twinhub::hub

// How a shard answers about the past: which rows of its columns are not what they were, and what
// those were.
#include "hub/as_of/known_past.h"
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
    std::unique_ptr<KnownPast> past;
    SnapshotPtr snapshot;              // what is read is read from here; nullptr: nothing was
    std::vector<std::uint64_t> shown;  // by slot: what the columns show at least
    std::vector<PastRow> rows;         // what changed twins were, not in the table of the past yet

    bool modules() const { return past->question.collection == query::Collection::modules; }
    void add(std::vector<PastRow> more) {
        for (PastRow& row : more)
            if (row.id.is_module() == modules()) rows.push_back(std::move(row));
    }
    bool knows_all() const {
        return past->table && std::ranges::equal(shown, past->through, std::less_equal());
    }
};

// Before the scan over the columns begins, everything is read that may take long; what becomes
// another twin meanwhile is noted, and read when the scan holds the rest.
Task<Result<>> ShardQueries::begin_past(std::shared_ptr<RunningQuery> query) {
    const std::string id = query->id;
    if (preparing_.contains(id))
        co_return failure(Code::unavailable, "This page is being read by another request");
    const PastQuestion question{.at = *query->as_of,
                                .collection = query->plan->collection,
                                .judged = reads_drift(*query->plan),
                                .only_slot = query->only_slot};
    Undone undone;
    undone.past = known_pasts_->take(question);
    if (!undone.past) undone.past.reset(new KnownPast{.question = question});
    preparing_[id];
    undone.shown = shown();
    Result<> read = co_await prepare_past(query, undone);
    std::vector<TwinId> late;
    for (const TwinId& each : preparing_[id])
        if (each.is_module() == undone.modules()) late.push_back(each);
    preparing_.erase(id);
    CO_TRY_VOID(read);

    // From here to the end of this turn nothing can change.
    std::unique_ptr<fleet::Scan> scan = new_scan(*query);
    KnownPast& past = *undone.past;
    const fleet::Table& table = columns_.table(question.collection);
    for (const TwinId& each : late)
        if (const auto row = table.find({each.device.text(), each.module.text()}))
            past.leave_out(*row);
    scan->leave_out(past.left_out);
    past.through = shown();
    enter(id, std::move(scan));

    std::erase_if(late, [&](const TwinId& each) { return !past.changed.insert(each).second; });
    CO_TRY_VOID(co_await read_present(query, std::move(late), undone));
    CO_TRY_VOID(co_await make_table(query, undone));
    Waiting* const waiting = find(id);
    if (waiting == nullptr)
        co_return failure(Code::unavailable, "The query was given up: too many run at once");
    fleet::ScanOptions options;
    options.after = query->after;
    waiting->past.reset(new Past{
        .table = past.table,
        .scan = fleet::Scan(query->plan, past.table->table(), query->now, std::move(options))});
    retire(known_pasts_->keep(std::move(undone.past), clock_.monotonic()));
    co_return Result<>{};
}

std::vector<std::uint64_t> ShardQueries::shown() const {
    std::vector<std::uint64_t> shown(slot_count);
    for (std::uint32_t slot = 0; slot < slot_count; ++slot)
        shown[slot] = shard_.shown_sequence(static_cast<Slot>(slot));
    return shown;
}

Task<Result<>> ShardQueries::prepare_past(std::shared_ptr<RunningQuery> query, Undone& undone) {
    CO_TRY_VOID(query->past.charge(undone.past->changed.size(), 0));
    if (undone.knows_all()) co_return Result<>{};
    undone.snapshot = co_await off_loop<SnapshotPtr>(pool_, [this] { return engine_.snapshot(); });
    if (undone.past->table) {
        CO_TRY_VOID(co_await undo_more(query, undone));
        if (undone.past->table) co_return Result<>{};
    }
    CO_TRY_VOID(co_await undo(query, undone));
    if (undone.past->question.judged) co_return co_await find_waiting(query, undone);
    co_return Result<>{};
}

// Does Result<PastSlot>(Slot) for all slots, many in one turn of the pool.
template <class Work>
Task<Result<>> ShardQueries::each_slot(std::shared_ptr<RunningQuery> query, Undone& undone,
                                       Work work) {
    Slice slice(clock_, shard_.executor(), *query);
    const fleet::Table& table = columns_.table(query->plan->collection);
    std::vector<Slot> slots;
    for (std::uint32_t each = 0; each < slot_count; ++each) {
        const auto slot = static_cast<Slot>(each);
        if (shard_.owns(slot) && query->only_slot.value_or(slot) == slot) slots.push_back(slot);
    }
    for (std::size_t next = 0; next < slots.size();) {
        auto read = [this, query, &slots, &work, next]() -> Result<std::vector<PastSlot>> {
            const Moment began = clock_.monotonic();
            std::vector<PastSlot> found;
            Result<> done = {};
            while (done && next + found.size() < slots.size() &&
                   clock_.monotonic() - began < pool_time) {
                Result<PastSlot> past = work(slots[next + found.size()]);
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
                if (id.is_module() != undone.modules()) continue;
                if (const auto row = table.find({id.device.text(), id.module.text()}))
                    undone.past->leave_out(*row);
                undone.past->changed.insert(std::move(id));
                if (slice.is_over()) co_await slice.give_way();
            }
            undone.add(std::move(past.rows));
        }
        CO_TRY_VOID(check(*query));
    }
    co_return Result<>{};
}

Task<Result<>> ShardQueries::undo(std::shared_ptr<RunningQuery> query, Undone& undone) {
    co_return co_await each_slot(query, undone, [query, &undone](Slot slot) {
        return past_of_slot(*undone.snapshot, slot, *query->as_of, undone.shown[slot], query->past);
    });
}

// What has changed since it was asked for last. Takes all that is known away when that does not
// hold any more: the clock was set back since, or something was on its way to the disk then.
Task<Result<>> ShardQueries::undo_more(std::shared_ptr<RunningQuery> query, Undone& undone) {
    bool holds = true;
    Result<> read =
        co_await each_slot(query, undone, [query, &undone, &holds](Slot slot) -> Result<PastSlot> {
            if (!holds) return PastSlot{};
            TRY(std::optional<PastSlot> more,
                more_past_of_slot(*undone.snapshot, slot, *query->as_of, undone.past->through[slot],
                                  undone.past->changed, query->past));
            holds = more.has_value();
            return std::move(more).value_or(PastSlot{});
        });
    if (holds) co_return read;
    undone.rows.clear();
    std::vector<std::unique_ptr<KnownPast>> wrong;
    wrong.push_back(std::exchange(
        undone.past, std::unique_ptr<KnownPast>(new KnownPast{.question = undone.past->question})));
    retire(std::move(wrong));
    co_return read;
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
        if (!undone.past->changed.insert(id).second) continue;
        undone.past->leave_out(row);
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

Task<Result<>> ShardQueries::make_table(std::shared_ptr<RunningQuery> query, Undone& undone) {
    std::shared_ptr<PastTable>& table = undone.past->table;
    if (!table) {
        const DriftJudge* const judge = undone.past->question.judged ? &judge_ : nullptr;
        auto make = [&undone, judge] {
            return std::make_shared<PastTable>(std::move(undone.rows), judge);
        };
        table = co_await off_loop<std::shared_ptr<PastTable>>(pool_, std::move(make));
        co_return Result<>{};
    }
    Slice slice(clock_, shard_.executor(), *query);
    for (PastRow& row : undone.rows) {
        table->add(std::move(row));
        if (!slice.is_over()) continue;
        co_await slice.give_way();
        CO_TRY_VOID(check(*query));
    }
    co_return Result<>{};
}

// A large table of the past takes longer to destroy than a loop may be held; the scan over it ends
// here, for others may have theirs.
void ShardQueries::retire(Waiting waiting) {
    if (!waiting.past) return;
    std::shared_ptr<PastTable> table = waiting.past->table;
    waiting.past.reset();
    asio::post(pool_, [table = std::move(table)] {});
}

void ShardQueries::retire(std::vector<std::unique_ptr<KnownPast>> pasts) {
    for (std::unique_ptr<KnownPast>& past : pasts) asio::post(pool_, [past = std::move(past)] {});
}

}  // namespace twinhub::hub

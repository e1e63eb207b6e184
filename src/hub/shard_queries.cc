#include "hub/shard_queries.h"

#include "hub/limits.h"
#include "hub/shard.h"
#include "query/names.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::hub {
namespace {

constexpr std::size_t scans_max = 4096;     // under way in one shard
constexpr std::size_t walk_steps = 20'000;  // rows passed over in one slice of reading

Error lost() {
    return Error{Code::unavailable, "The query was given up: too many run at once", {}};
}

}  // namespace

// How long this query has had the loop, and when to let others have it.
class ShardQueries::Slice {
public:
    Slice(const Clock& clock, Executor executor, RunningQuery& query)
        : clock_(clock), executor_(std::move(executor)), query_(query), began_(clock.monotonic()) {}
    ~Slice() { charge(); }
    Slice(const Slice&) = delete;
    Slice& operator=(const Slice&) = delete;

    bool is_over() const { return clock_.monotonic() - began_ >= slice_time; }
    Task<> give_way() {
        charge();
        co_await asio::post(executor_, asio::use_awaitable);
        began_ = clock_.monotonic();
    }

private:
    void charge() {
        const Moment now = clock_.monotonic();
        const std::scoped_lock lock(query_.mutex);
        query_.work += now - began_;
        began_ = now;
    }

    const Clock& clock_;
    Executor executor_;
    RunningQuery& query_;
    Moment began_;
};

ShardQueries::ShardQueries(Shard& shard, LiveColumns& columns, const Clock& clock,
                           std::size_t cursors_max)
    : shard_(shard), columns_(columns), clock_(clock), cursors_max_(cursors_max) {}

ShardQueries::~ShardQueries() = default;

ShardQueries::Waiting* ShardQueries::find(const std::string& id) {
    const auto found = cursors_.find(id);
    return found == cursors_.end() ? nullptr : &found->second;
}

Result<> ShardQueries::check(const RunningQuery& query) const {
    if (clock_.monotonic() >= query.deadline)
        return failure(Code::timeout, "The query took longer than it may");
    if (!query.wanted()) return failure(Code::timeout, "Nobody waits for the answer any more");
    return {};
}

TwinId ShardQueries::id_of(const fleet::Key& key) {
    TwinId id;
    id.device = DeviceId::parse(key.device).value();
    if (!key.module.empty()) id.module = ModuleId::parse(key.module).value();
    return id;
}

// With what the plan reads beside it.
json::object ShardQueries::document(const query::Plan& plan, fleet::Row row,
                                    const TwinView& view) const {
    json::object made = document_of(view);
    const fleet::Table& table = columns_.table(plan.collection);
    if (std::ranges::any_of(plan.paths, query::is_pseudo) && table.is_live(row))
        for (const auto& [key, value] : table.pseudo(row)) made[key] = value;
    return made;
}

Task<Result<>> ShardQueries::give_documents(std::shared_ptr<RunningQuery> query, Slice& slice) {
    const Waiting* waiting = find(query->id);
    for (const fleet::Row row : waiting->scan->documents_wanted()) {
        const fleet::Table& table = columns_.table(query->plan->collection);
        // It may have changed since, and been decided by what it was.
        if (!table.is_live(row)) continue;
        // Gone or damaged: there is nothing to decide by.
        const Result<TwinView> found = co_await shard_.view(id_of(table.key(row)));
        waiting = find(query->id);
        if (waiting == nullptr) co_return std::unexpected(lost());
        if (found) waiting->scan->give(row, document(*query->plan, row, *found));
        if (slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
            waiting = find(query->id);
            if (waiting == nullptr) co_return std::unexpected(lost());
        }
    }
    co_return Result<>{};
}

Task<Result<>> ShardQueries::scan(std::shared_ptr<RunningQuery> query) {
    if (const Waiting* known = find(query->id)) {
        if (known->done) co_return Result<>{};
        co_return failure(Code::unavailable, "This page is being read by another request");
    }
    if (cursors_.size() >= cursors_max_) {
        // Whoever waited longest for its next page goes on in the fleet as it is then. Scans under
        // way are left alone: they are short, and their askers wait.
        auto oldest = cursors_.end();
        for (auto at = cursors_.begin(); at != cursors_.end(); ++at)
            if (at->second.done &&
                (oldest == cursors_.end() || at->second.used < oldest->second.used))
                oldest = at;
        if (oldest != cursors_.end()) cursors_.erase(oldest);
        else if (cursors_.size() >= scans_max) co_return std::unexpected(lost());
    }
    fleet::ScanOptions options;
    options.keep = columns_.keep();
    options.after = query->after;
    Waiting made;
    made.scan = std::make_unique<fleet::Scan>(query->plan, columns_.table(query->plan->collection),
                                              query->now, std::move(options));
    made.used = clock_.monotonic();
    cursors_.insert_or_assign(query->id, std::move(made));
    if (query->began) query->began(shard_);

    Slice slice(clock_, shard_.executor(), *query);
    while (true) {
        Waiting* const waiting = find(query->id);
        if (waiting == nullptr) co_return std::unexpected(lost());
        const auto progress = waiting->scan->run(1);
        if (!progress) {
            Error error = progress.error();
            forget(query->id);
            co_return std::unexpected(std::move(error));
        }
        if (*progress == fleet::Scan::Progress::done) break;
        Result<> going = {};
        if (*progress == fleet::Scan::Progress::needs_documents)
            going = co_await give_documents(query, slice);
        if (going && slice.is_over()) {
            co_await slice.give_way();
            going = check(*query);
        }
        if (going && query->rows_max != 0) {
            const Waiting* const now = find(query->id);
            if (now != nullptr && now->scan->rows_looked_at() > query->rows_max)
                going = failure(Code::unavailable, "The query looks at more rows than it may");
        }
        if (!going) {
            forget(query->id);
            co_return going;
        }
    }
    Waiting& finished = *find(query->id);
    finished.done = true;
    Result<> merged = {};
    {
        const std::scoped_lock lock(query->mutex);
        query->rows_looked_at += finished.scan->rows_looked_at();
        query->facts.push_back(fleet::facts_of(*finished.scan));
        if (query->plan->grouped) merged = query->groups.merge(finished.scan->groups());
    }
    if (query->plan->grouped) forget(query->id);
    co_return merged;
}

Result<> ShardQueries::explain(RunningQuery& query) {
    const fleet::Scan scan(query.plan, columns_.table(query.plan->collection), query.now);
    const std::scoped_lock lock(query.mutex);
    query.facts.push_back(fleet::facts_of(scan));
    return {};
}

Task<Result<fleet::Cursor::Page>> ShardQueries::read(std::shared_ptr<RunningQuery> query,
                                                     std::string after, std::size_t count) {
    Slice slice(clock_, shard_.executor(), *query);
    fleet::Cursor::Page page;
    while (true) {
        Waiting* const waiting = find(query->id);
        if (waiting == nullptr) co_return std::unexpected(lost());
        waiting->used = clock_.monotonic();
        CO_TRY(page, waiting->scan->cursor().read(after, count, walk_steps));
        // Few rows of many: it has looked at some and found no other.
        if (page.complete || page.entries.size() >= count) co_return page;
        if (slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
        }
    }
}

Task<Result<std::vector<std::optional<std::string>>>> ShardQueries::render(
    std::shared_ptr<RunningQuery> query, std::vector<fleet::Entry> entries) {
    Slice slice(clock_, shard_.executor(), *query);
    std::vector<std::optional<std::string>> rows;
    rows.reserve(entries.size());
    for (const fleet::Entry& entry : entries) {
        const Result<TwinView> found = co_await shard_.view(id_of({entry.device, entry.module}));
        Waiting* const waiting = find(query->id);
        if (waiting == nullptr) co_return std::unexpected(lost());
        fleet::Cursor& cursor = waiting->scan->cursor();
        if (found && cursor.gives_document(entry.row)) {
            append_twin(rows.emplace_back().emplace(), *found);
        } else {
            rows.push_back(cursor.render(
                entry.row, found ? document(*query->plan, entry.row, *found) : json::object{}));
        }
        if (waiting->scan->cursor().lost())
            co_return failure(Code::unavailable, "The answer's rows changed faster than kept");
        if (slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
        }
    }
    co_return rows;
}

void ShardQueries::forget(const std::string& id) { cursors_.erase(id); }

void ShardQueries::tick(Moment now) {
    std::erase_if(cursors_, [now](const auto& each) {
        return each.second.done && now - each.second.used >= answer_age;
    });
}

}  // namespace twinhub::hub

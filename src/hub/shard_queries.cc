#include "hub/shard_queries.h"

#include "hub/as_of/known_past.h"
#include "hub/limits.h"
#include "hub/shard.h"
#include "hub/shard_queries_parts.h"
#include "query/names.h"

#include <boost/asio/use_awaitable.hpp>

namespace twinhub::hub {
namespace {

constexpr std::size_t scans_max = 4096;     // under way in one shard
constexpr std::size_t walk_steps = 20'000;  // rows passed over in one slice of reading

Error lost() {
    return Error{Code::unavailable, "The query was given up: too many run at once", {}};
}

}  // namespace

ShardQueries::ShardQueries(Parts parts)
    : shard_(parts.shard),
      columns_(parts.columns),
      clock_(parts.clock),
      cursors_max_(parts.cursors_max),
      engine_(parts.engine),
      pool_(std::move(parts.pool)),
      judge_(parts.judge),
      known_pasts_(std::make_unique<KnownPasts>()) {}

ShardQueries::~ShardQueries() = default;

fleet::Scan* ShardQueries::Waiting::of(Source source) const {
    if (source == Source::present) return scan.get();
    return past ? &past->scan : nullptr;
}

ShardQueries::Waiting* ShardQueries::find(const std::string& id) {
    const auto found = cursors_.find(id);
    return found == cursors_.end() ? nullptr : &found->second;
}

fleet::Scan* ShardQueries::find(const std::string& id, Source source) {
    const Waiting* const waiting = find(id);
    return waiting == nullptr ? nullptr : waiting->of(source);
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

Task<Result<>> ShardQueries::give_documents(std::shared_ptr<RunningQuery> query, Source source,
                                            Slice& slice) {
    for (const fleet::Row row : find(query->id, source)->documents_wanted()) {
        if (source == Source::past) {
            const std::shared_ptr<Past> past = find(query->id)->past;
            past->scan.give(row, past->table->document(row));
        } else {
            const fleet::Table& table = columns_.table(query->plan->collection);
            // It may have changed since, and been decided by what it was.
            if (!table.is_live(row)) continue;
            // Gone or damaged: there is nothing to decide by.
            const Result<TwinView> found = co_await shard_.view(id_of(table.key(row)));
            fleet::Scan* const scan = find(query->id, source);
            if (scan == nullptr) co_return std::unexpected(lost());
            if (found) scan->give(row, document(*query->plan, row, *found));
        }
        if (slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
            if (find(query->id, source) == nullptr) co_return std::unexpected(lost());
        }
    }
    co_return Result<>{};
}

Result<> ShardQueries::make_room() {
    if (cursors_.size() < cursors_max_) return {};
    // Whoever waited longest for its next page goes on in the fleet as it is then. Scans under
    // way are left alone: they are short, and their askers wait.
    auto oldest = cursors_.end();
    for (auto at = cursors_.begin(); at != cursors_.end(); ++at)
        if (at->second.done && (oldest == cursors_.end() || at->second.used < oldest->second.used))
            oldest = at;
    if (oldest != cursors_.end()) {
        retire(std::move(oldest->second));
        cursors_.erase(oldest);
    } else if (cursors_.size() >= scans_max) {
        return std::unexpected(lost());
    }
    return {};
}

std::unique_ptr<fleet::Scan> ShardQueries::new_scan(const RunningQuery& query) {
    fleet::ScanOptions options;
    options.keep = columns_.keep();
    options.after = query.after;
    return std::make_unique<fleet::Scan>(query.plan, columns_.table(query.plan->collection),
                                         query.now, std::move(options));
}

void ShardQueries::enter(const std::string& id, std::unique_ptr<fleet::Scan> scan) {
    Waiting made;
    made.scan = std::move(scan);
    made.used = clock_.monotonic();
    cursors_.insert_or_assign(id, std::move(made));
}

Task<Result<>> ShardQueries::scan(std::shared_ptr<RunningQuery> query) {
    if (const Waiting* known = find(query->id)) {
        if (known->done) co_return Result<>{};
        co_return failure(Code::unavailable, "This page is being read by another request");
    }
    CO_TRY_VOID(make_room());
    Result<> done = {};
    if (query->as_of) {
        done = co_await begin_past(query);
    } else {
        enter(query->id, new_scan(*query));
        if (query->began) query->began(shard_);
    }
    if (done) done = co_await run(query, Source::present);
    if (done && query->as_of) done = co_await run(query, Source::past);
    Waiting* const finished = find(query->id);
    if (done && finished == nullptr) done = std::unexpected(lost());
    if (!done) {
        forget(query->id);
        co_return done;
    }
    finished->done = true;
    if (query->plan->grouped) forget(query->id);
    co_return Result<>{};
}

// One of its scans, to its end.
Task<Result<>> ShardQueries::run(std::shared_ptr<RunningQuery> query, Source source) {
    Slice slice(clock_, shard_.executor(), *query);
    while (true) {
        fleet::Scan* const scan = find(query->id, source);
        if (scan == nullptr) co_return std::unexpected(lost());
        CO_TRY(const fleet::Scan::Progress progress, scan->run(1));
        if (progress == fleet::Scan::Progress::done) break;
        if (progress == fleet::Scan::Progress::needs_documents)
            CO_TRY_VOID(co_await give_documents(query, source, slice));
        if (slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
        }
        const fleet::Scan* const now = find(query->id, source);
        if (query->rows_max != 0 && now != nullptr && now->rows_looked_at() > query->rows_max)
            co_return failure(Code::unavailable, "The query looks at more rows than it may");
    }
    const fleet::Scan& finished = *find(query->id, source);
    const std::scoped_lock lock(query->mutex);
    query->rows_looked_at += finished.rows_looked_at();
    query->facts.push_back(fleet::facts_of(finished));
    if (query->plan->grouped) co_return query->groups.merge(finished.groups());
    co_return Result<>{};
}

Result<> ShardQueries::explain(RunningQuery& query) {
    const fleet::Scan scan(query.plan, columns_.table(query.plan->collection), query.now);
    const std::scoped_lock lock(query.mutex);
    query.facts.push_back(fleet::facts_of(scan));
    return {};
}

Task<Result<fleet::Cursor::Page>> ShardQueries::read(std::shared_ptr<RunningQuery> query,
                                                     Source source, std::string after,
                                                     std::size_t count) {
    Slice slice(clock_, shard_.executor(), *query);
    fleet::Cursor::Page page;
    while (true) {
        Waiting* const waiting = find(query->id);
        if (waiting == nullptr) co_return std::unexpected(lost());
        waiting->used = clock_.monotonic();
        CO_TRY(page, waiting->of(source)->cursor().read(after, count, walk_steps));
        // Few rows of many: it has looked at some and found no other.
        if (page.complete || page.entries.size() >= count) co_return page;
        if (slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
        }
    }
}

Task<Result<std::vector<std::optional<std::string>>>> ShardQueries::render(
    std::shared_ptr<RunningQuery> query, Source source, std::vector<fleet::Entry> entries) {
    Slice slice(clock_, shard_.executor(), *query);
    std::vector<std::optional<std::string>> rows;
    rows.reserve(entries.size());
    for (const fleet::Entry& entry : entries) {
        Result<TwinView> found{TwinView{}};
        if (source == Source::present)
            found = co_await shard_.view(id_of({entry.device, entry.module}));
        Waiting* const waiting = find(query->id);
        if (waiting == nullptr) co_return std::unexpected(lost());
        fleet::Cursor& cursor = waiting->of(source)->cursor();
        if (source == Source::past) {
            rows.push_back(cursor.render(entry.row, waiting->past->table->document(entry.row)));
        } else if (found && cursor.gives_document(entry.row)) {
            append_twin(rows.emplace_back().emplace(), *found);
        } else {
            rows.push_back(cursor.render(
                entry.row, found ? document(*query->plan, entry.row, *found) : json::object{}));
        }
        if (cursor.lost())
            co_return failure(Code::unavailable, "The answer's rows changed faster than kept");
        if (slice.is_over()) {
            co_await slice.give_way();
            CO_TRY_VOID(check(*query));
        }
    }
    co_return rows;
}

void ShardQueries::forget(const std::string& id) {
    const auto found = cursors_.find(id);
    if (found == cursors_.end()) return;
    retire(std::move(found->second));
    cursors_.erase(found);
}

void ShardQueries::tick(Moment now) {
    for (auto at = cursors_.begin(); at != cursors_.end();) {
        const bool old = at->second.done && now - at->second.used >= answer_age;
        if (old) retire(std::move(at->second));
        at = old ? cursors_.erase(at) : std::next(at);
    }
    retire(known_pasts_->forget_old(now));
}

}  // namespace twinhub::hub

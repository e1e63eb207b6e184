#include "hub/live_queries.h"

#include "hub/shard.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <charconv>
#include <utility>

namespace twinhub::hub {
namespace {

constexpr std::size_t snapshot_rows_max = 1000;  // in one event
constexpr std::size_t groups_max = 1000;
constexpr std::size_t groups_bytes_max = 1 << 20;
// Snapshots in a row that were overtaken by changes before they were read.
constexpr int attempts_max = 4;

}  // namespace

struct LiveQueries::Parts {
    Queries& queries;
    const Clock& clock;
    Metrics& metrics;
    std::shared_ptr<LiveCount> count;
};

// Lives as long as a `next` that runs, and touches the hub only in there.
struct LiveReader::State {
    LiveQueries::Parts& hub;
    std::shared_ptr<LiveQuery> query;
    std::uint64_t reader = 0;
    bool resumed = false;
    bool asked_to_resume = false;
    std::string token;
    std::string cursor;  // of the snapshot's next part
    bool begins = true;  // no part of this snapshot was read yet
    int attempts = 0;    // since the last whole snapshot

    using Events = Result<std::vector<LiveEvent>>;
    static Task<Events> next(std::shared_ptr<State> self, std::size_t bytes_max);
    Task<Events> snapshot(std::size_t bytes_max);
    Task<Result<QueryPage>> page(std::size_t rows_max, std::size_t bytes_max);
    Task<Result<std::vector<KeyedRow>>> groups();
    Task<Result<>> count_groups();
    std::vector<KeyedRow> keyed(std::vector<std::string> rows) const;
    Events begin_anew();
    LiveEvent part(const std::vector<KeyedRow>& rows, bool last);
    Task<> wait();
};

LiveReader::~LiveReader() { stop(); }
void LiveReader::stop() { state_->query->detach(state_->reader); }
bool LiveReader::is_resumed() const { return state_->resumed; }
const std::string& LiveReader::token() const { return state_->token; }

Task<Result<std::vector<LiveEvent>>> LiveReader::next(std::size_t bytes_max) {
    return State::next(state_, bytes_max);
}

Task<LiveReader::State::Events> LiveReader::State::next(std::shared_ptr<State> self,
                                                        std::size_t bytes_max) {
    LiveQuery& query = *self->query;
    while (true) {
        switch (query.next(self->reader, self->hub.clock.monotonic())) {
            case LiveQuery::Next::ended:
                co_return failure(Code::unavailable, "This live query goes on elsewhere or not");
            case LiveQuery::Next::reset: co_return self->begin_anew();
            case LiveQuery::Next::snapshot: {
                Events events = co_await self->snapshot(bytes_max);
                if (!events) query.end();
                co_return events;
            }
            case LiveQuery::Next::count: {
                const Result<> counted = co_await self->count_groups();
                if (counted) break;
                query.end();
                co_return std::unexpected(counted.error());
            }
            case LiveQuery::Next::events: {
                std::vector<LiveEvent> events = query.take(self->reader, bytes_max);
                if (events.empty()) break;
                self->token = events.back().token;
                co_return events;
            }
            case LiveQuery::Next::nothing: co_await self->wait(); break;
        }
    }
}

Task<> LiveReader::State::wait() {
    const Executor here = co_await asio::this_coro::executor;
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this, &here](auto handler) {
            query->wait(reader, here, [h = std::move(handler)]() mutable { std::move(h)(); });
        },
        asio::use_awaitable);
}

LiveReader::State::Events LiveReader::State::begin_anew() {
    hub.metrics.live_resets.Increment();
    if (++attempts >= attempts_max) {
        query->end();
        return failure(Code::unavailable,
                       "The fleet changes faster than this live query is read: ask for less");
    }
    query->begin(reader);
    cursor.clear();
    token.clear();
    begins = true;
    std::vector<LiveEvent> events;
    events.push_back({LiveEvent::Kind::reset, {}, R"({"reason":"behind"})"});
    return events;
}

LiveEvent LiveReader::State::part(const std::vector<KeyedRow>& rows, bool last) {
    LiveEvent event;
    event.data = begins ? R"({"first":true,)" : "{";
    if (std::exchange(asked_to_resume, false)) event.data += R"("resumed":false,)";
    event.data += last ? R"("last":true,"rows":[)" : R"("last":false,"rows":[)";
    const char* separator = "";
    for (const KeyedRow& row : rows) {
        event.data += std::exchange(separator, ",");
        event.data += '{';
        if (!row.key.empty()) event.data += "\"key\":" + row.key + ',';
        event.data += "\"row\":" + row.row;
        if (!row.version.empty()) event.data += ",\"version\":" + row.version;
        event.data += '}';
    }
    event.data += "]}";
    begins = false;
    if (last) {
        token = event.token = query->complete(reader);
        attempts = 0;
    }
    return event;
}

Task<Result<QueryPage>> LiveReader::State::page(std::size_t rows_max, std::size_t bytes_max) {
    PageRequest request;
    request.cursor = cursor;
    request.rows_max = rows_max;
    request.bytes_max = bytes_max;
    request.principal = query->principal();
    request.wanted = [of = query] { return !of->is_over(); };
    request.began = [of = query, generation = query->generation(reader)](Shard& shard) {
        shard.live().begin(of, generation);
    };
    co_return co_await hub.queries.run(query->plan().snapshot, std::move(request));
}

std::vector<KeyedRow> LiveReader::State::keyed(std::vector<std::string> rows) const {
    std::vector<KeyedRow> all;
    all.reserve(rows.size());
    for (std::string& row : rows) all.push_back(keyed_row(query->plan(), std::move(row)));
    return all;
}

Task<Result<std::vector<KeyedRow>>> LiveReader::State::groups() {
    query->start_count(reader, hub.clock.monotonic());
    cursor.clear();
    CO_TRY(QueryPage found, co_await page(groups_max, groups_bytes_max));
    if (!found.cursor.empty())
        co_return failure(Code::argument_invalid, "A live query has at most 1000 groups");
    std::vector<KeyedRow> rows = keyed(std::move(found.rows));
    co_return rows;
}

Task<LiveReader::State::Events> LiveReader::State::snapshot(std::size_t bytes_max) {
    if (begins) query->begin(reader);
    std::vector<LiveEvent> events;
    if (query->plan().asked->grouped) {
        CO_TRY(std::vector<KeyedRow> rows, co_await groups());
        query->set_groups(reader, rows);
        events.push_back(part(rows, true));
        co_return events;
    }
    CO_TRY(QueryPage found, co_await page(snapshot_rows_max, bytes_max));
    cursor = std::move(found.cursor);
    std::vector<KeyedRow> rows = keyed(std::move(found.rows));
    // What changed under it is not whole.
    if (query->next(reader, hub.clock.monotonic()) == LiveQuery::Next::reset)
        co_return begin_anew();
    events.push_back(part(rows, cursor.empty()));
    co_return events;
}

// Over budget, it is counted at a later time.
Task<Result<>> LiveReader::State::count_groups() {
    Result<std::vector<KeyedRow>> rows = co_await groups();
    if (!rows) {
        const Code code = rows.error().code;
        if (code != Code::throttled && code != Code::unavailable && code != Code::timeout)
            co_return std::unexpected(rows.error());
        query->touch(query->generation(reader));
        co_return Result<>{};
    }
    const std::size_t told = query->tell_groups(reader, std::move(*rows));
    hub.metrics.live_events.Increment(static_cast<double>(told));
    co_return Result<>{};
}

LiveQueries::LiveQueries(Queries& queries, const Settings& settings, const Clock& clock,
                         Random& random, Metrics& metrics, std::shared_ptr<LiveCount> count)
    : parts_(std::make_unique<Parts>(queries, clock, metrics, std::move(count))),
      settings_(settings),
      random_(random) {}

// A reader that waits owns its query, which owns what it waits for: left so, none would ever go.
LiveQueries::~LiveQueries() {
    for (const auto& [id, each] : queries_)
        if (const auto query = each.lock()) query->end();
}

std::shared_ptr<LiveQuery> LiveQueries::find(const std::string& token, const LiveRequest& request,
                                             std::uint64_t& number) {
    const std::size_t dot = token.find('.');
    if (dot == std::string::npos) return nullptr;
    const char* const end = token.data() + token.size();
    if (const auto [at, error] = std::from_chars(token.data() + dot + 1, end, number);
        error != std::errc() || at != end)
        return nullptr;
    const auto found = queries_.find(token.substr(0, dot));
    std::shared_ptr<LiveQuery> query = found != queries_.end() ? found->second.lock() : nullptr;
    // A token is no credential, and is of its query alone.
    if (!query || query->principal() != request.principal) return nullptr;
    const query::Plan& known = *query->plan().asked;
    if (known.text != request.plan->text || known.dialect != request.plan->dialect ||
        known.missing != request.plan->missing)
        return nullptr;
    return query;
}

// Those that wait for their reader go before a new one is refused.
Result<> LiveQueries::make_room() {
    std::size_t open = 0;
    std::shared_ptr<LiveQuery> oldest;
    Moment oldest_since = Moment::max();
    for (auto at = queries_.begin(); at != queries_.end();) {
        const std::shared_ptr<LiveQuery> query = at->second.lock();
        if (!query || query->is_over()) {
            at = queries_.erase(at);
            continue;
        }
        ++open;
        Moment since;
        if (query->is_parked(since) && (!oldest || since < oldest_since)) {
            oldest = query;
            oldest_since = since;
        }
        ++at;
    }
    if (open < settings_.live_queries_max) return {};
    if (!oldest) return failure(Code::throttled, "There are too many live queries already");
    oldest->end();
    queries_.erase(oldest->id());
    return {};
}

Result<std::unique_ptr<LiveReader>> LiveQueries::open(LiveRequest request) {
    TRY(LivePlan plan, live_plan(request.plan));
    const std::scoped_lock lock(mutex_);
    auto state = std::make_shared<LiveReader::State>(LiveReader::State{.hub = *parts_});
    std::uint64_t number = 0;
    if (const auto known = find(request.resume, request, number)) {
        if (const auto reader = known->resume(number)) {
            state->query = known;
            state->reader = *reader;
            state->resumed = true;
            state->begins = false;
            state->token = request.resume;
            return std::unique_ptr<LiveReader>(new LiveReader(std::move(state)));
        }
        known->end();
    }
    TRY_VOID(make_room());
    std::string id = random_.hex(16);
    ++*parts_->count;
    state->query = std::shared_ptr<LiveQuery>(
        new LiveQuery(std::move(plan), id, std::move(request.principal),
                      static_cast<std::size_t>(settings_.live_query_bytes_max)),
        [count = parts_->count](const LiveQuery* query) {
            --*count;
            delete query;
        });
    state->reader = state->query->attach();
    state->asked_to_resume = !request.resume.empty();
    queries_[std::move(id)] = state->query;
    return std::unique_ptr<LiveReader>(new LiveReader(std::move(state)));
}

}  // namespace twinhub::hub

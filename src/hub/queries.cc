#include "hub/queries.h"

#include "base/encoding.h"
#include "fleet/scan/explain.h"
#include "hub/as_of/past_plan.h"
#include "hub/as_of/past_slot.h"
#include "hub/demanded_text.h"
#include "hub/limits.h"
#include "hub/query_budget.h"
#include "hub/shards.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <unordered_map>

namespace twinhub::hub {
namespace {

constexpr std::size_t answers_bytes_max = 64 << 20;
constexpr std::size_t read_rows_max = 1000;  // from each shard at a time
constexpr std::size_t plan_text_max = 500;

// Where a page begins.
struct Position {
    std::string id;  // of the answer
    std::string after;
    std::uint64_t delivered = 0;
    std::uint64_t skipped = 0;
    std::optional<Instant> as_of;  // the moment that all pages are about
};

std::string to_text(const Position& position) {
    return position.id + '.' + std::to_string(position.delivered) + '.' +
           std::to_string(position.skipped) + '.' + hex_encode(position.after) +
           (position.as_of ? '.' + std::to_string(position.as_of->time_since_epoch().count()) : "");
}

std::optional<Position> parse_position(std::string_view text) {
    const auto next = [&text]() -> std::string_view {
        const std::size_t dot = std::min(text.find('.'), text.size());
        const std::string_view part = text.substr(0, dot);
        text.remove_prefix(std::min(dot + 1, text.size()));
        return part;
    };
    const auto number = [](std::string_view digits, std::uint64_t& into) {
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), into);
        return error == std::errc() && end == digits.data() + digits.size();
    };
    Position position;
    position.id = next();
    if (position.id.empty() || !number(next(), position.delivered) ||
        !number(next(), position.skipped))
        return std::nullopt;
    auto after = hex_decode(next());
    if (!after) return std::nullopt;
    position.after = std::move(*after);
    if (!text.empty()) {
        std::uint64_t ticks = 0;
        if (!number(next(), ticks)) return std::nullopt;
        position.as_of = Instant{Ticks{static_cast<std::int64_t>(ticks)}};
    }
    return position;
}

// Whether a plan asks for one twin by its id and for nothing else.
bool is_lookup(const query::Plan& plan) {
    return plan.collection == query::Collection::devices && plan.explain == query::Explain::no &&
           plan.star && plan.hidden.empty() && plan.where &&
           plan.expr(*plan.where).op == query::Op::equal && plan.offset == 0 &&
           plan.limit.value_or(1) > 0;
}

std::string plan_text(const RunningQuery& query) {
    std::string text;
    if (query.facts.empty()) return text;
    for (const fleet::ConditionFacts& each : query.facts.front().conditions) {
        if (!text.empty()) text += ", ";
        text += each.op;
        text += ' ';
        text += each.text;
        if (text.size() > plan_text_max) break;
    }
    if (text.empty()) text = "fullScan";
    text.resize(std::min(text.size(), plan_text_max));
    return text;
}

// The oldest moment that history reaches back to, looked up at most once a second: what is
// forgotten in between is found missing by whoever reads it. For all loops.
class OldestKept {
public:
    std::optional<Instant> at(Moment now) const {
        const std::scoped_lock lock(mutex_);
        if (now - found_at_ >= std::chrono::seconds{1}) return std::nullopt;
        return oldest_;
    }
    void set(Instant oldest, Moment now) {
        const std::scoped_lock lock(mutex_);
        oldest_ = oldest;
        found_at_ = now;
    }

private:
    mutable std::mutex mutex_;
    std::optional<Instant> oldest_;
    Moment found_at_{};
};

}  // namespace

struct Queries::State {
    // The rows of a grouped answer that wait to be read.
    struct Answer {
        std::vector<std::string> rows;
        std::size_t bytes = 0;
        Moment used{};
    };

    State(Shards& all, const Settings& limits, const Clock& time, Random& chance)
        : shards(all), settings(limits), clock(time), random(chance), budget(limits.query_budget) {}

    Shards& shards;
    const Settings& settings;
    const Clock& clock;
    Random& random;
    QueryBudget budget;
    OldestKept oldest_kept;
    std::mutex mutex;
    std::unordered_map<std::string, std::shared_ptr<Answer>> answers;
    std::size_t answers_bytes = 0;

    void keep(const std::string& id, std::shared_ptr<Answer> answer) {
        const std::scoped_lock lock(mutex);
        const Moment now = clock.monotonic();
        answer->used = now;
        for (std::string& row : answer->rows) answer->bytes += row.size();
        answers_bytes += answer->bytes;
        answers[id] = std::move(answer);
        const auto forget = [this](auto at) {
            answers_bytes -= at->second->bytes;
            return answers.erase(at);
        };
        for (auto at = answers.begin(); at != answers.end();)
            at = now - at->second->used >= answer_age ? forget(at) : std::next(at);
        while (answers.size() > 1 &&
               (answers_bytes > answers_bytes_max || answers.size() > settings.query_cursors_max))
            forget(std::ranges::min_element(answers, {},
                                            [](const auto& each) { return each.second->used; }));
    }
    std::shared_ptr<const Answer> find(const std::string& id) {
        const std::scoped_lock lock(mutex);
        const auto found = answers.find(id);
        if (found == answers.end()) return nullptr;
        found->second->used = clock.monotonic();
        return found->second;
    }

    // The one twin that a plan asks for, when it is in memory: answered here and now (ADR 0008).
    std::optional<TwinView> at_hand(const query::Plan& plan) {
        if (!is_lookup(plan)) return std::nullopt;
        const auto device = demanded_text(plan, *plan.where, "deviceId");
        if (!device) return std::nullopt;
        const auto id = DeviceId::parse(*device);
        if (!id) return std::nullopt;
        return shards.of(*id).shown_view(TwinId{*id, {}});
    }

    // No device can have a name that is none: any shard says so.
    std::size_t shard_of(const std::string& device) {
        const auto id = DeviceId::parse(device);
        return id ? shards.of(*id).index() : 0;
    }

    std::shared_ptr<RunningQuery> begin(const std::shared_ptr<const query::Plan>& plan,
                                        const PageRequest& request, const Position& position) {
        auto query = std::make_shared<RunningQuery>(plan, position.id);
        query->after = position.after;
        query->now = clock.now();
        const auto allowed = std::chrono::nanoseconds(settings.query_time_max);
        query->deadline = clock.monotonic() +
                          std::min<std::chrono::nanoseconds>(
                              allowed, plan->budget.time_max.value_or(settings.query_time_max));
        query->rows_max = plan->budget.scan_max.value_or(0);
        query->wanted = request.wanted;
        query->began = request.began;
        query->as_of = position.as_of;
        query->past.twins_max = settings.as_of.twins_max;
        query->past.changes_max = settings.as_of.changes_max;
        if (const auto device =
                plan->where ? demanded_text(*plan, *plan->where, "deviceId") : std::nullopt) {
            query->only_shard = shard_of(*device);
            if (const auto id = DeviceId::parse(*device)) query->only_slot = slot_of(*id);
        }
        return query;
    }

    // Runs work(shard, index) on the shards that can have rows of the answer.
    template <class Work>
    Task<Result<>> visit(const RunningQuery& query, Work work) {
        if (!query.only_shard) co_return co_await shards.on_all(std::move(work));
        const std::size_t index = *query.only_shard;
        Shard& shard = shards.at(index);
        auto there = [&shard, &work, index] { return work(shard, index); };
        co_return co_await Shards::on(shard, std::move(there));
    }

    void forget(const RunningQuery& query) {
        for (std::size_t index = 0; index < shards.size(); ++index) {
            if (query.only_shard.value_or(index) != index) continue;
            Shard& shard = shards.at(index);
            asio::post(shard.executor(), [&shard, id = query.id] { shard.queries().forget(id); });
        }
    }

    // Which moment the first page is about, and with it all others.
    Task<Result<>> go_back(const query::Plan& plan, Position& position);
    Task<Result<>> explain(std::shared_ptr<RunningQuery> query, QueryPage& page);
    Task<Result<>> groups(std::shared_ptr<RunningQuery> query, const PageRequest& request,
                          Position position, QueryPage& page);
    // Another query takes its place when the answer has to go on in the fleet as it is now.
    Task<Result<>> rows(std::shared_ptr<RunningQuery>& query, const PageRequest& request,
                        Position position, QueryPage& page);
    // What a page has so far.
    struct Filling {
        std::size_t bytes = 0;
        bool complete = false;  // there is no row behind it
    };
    Task<Result<>> more_rows(std::shared_ptr<RunningQuery> query, const PageRequest& request,
                             Position& position, QueryPage& page, Filling& filling);
};

Queries::Queries(Shards& shards, const Settings& settings, const Clock& clock, Random& random)
    : state_(std::make_unique<State>(shards, settings, clock, random)) {}

Queries::~Queries() = default;

Task<Result<>> Queries::State::go_back(const query::Plan& plan, Position& position) {
    const Instant now = clock.now();
    if (!position.as_of) position.as_of = plan.as_of->at(now);
    const Instant at = *position.as_of;
    if (at > now)
        co_return failure(Code::argument_invalid, "AS OF " + format_instant(at) +
                                                      " is still to come: history is of the past");
    const Moment asked = clock.monotonic();
    std::optional<Instant> oldest = oldest_kept.at(asked);
    if (!oldest) {
        CO_TRY(oldest, co_await shards.off_loop<Result<Instant>>(
                           [this] { return oldest_moment(*shards.engine().snapshot()); }));
        oldest_kept.set(*oldest, asked);
    }
    if (at < *oldest)
        co_return failure(Code::history_unavailable,
                          "The history of all twins is kept since " + format_instant(*oldest));
    co_return Result<>{};
}

Task<Result<>> Queries::State::explain(std::shared_ptr<RunningQuery> query, QueryPage& page) {
    const Moment began = clock.monotonic();
    const bool analyze = query->plan->explain == query::Explain::analyze;
    CO_TRY_VOID(
        co_await shards.on_all([query, analyze](Shard& shard, std::size_t) -> Task<Result<>> {
            if (!analyze) co_return shard.queries().explain(*query);
            Result<> done = co_await shard.queries().scan(query);
            shard.queries().forget(query->id);
            co_return done;
        }));
    json::object row = fleet::explain(*query->plan, query->facts);
    if (analyze)
        row["ms"] = std::chrono::duration<double, std::milli>(clock.monotonic() - began).count();
    page.rows.push_back(twinhub::to_text(json::value(std::move(row))));
    co_return Result<>{};
}

Task<Result<>> Queries::State::groups(std::shared_ptr<RunningQuery> query,
                                      const PageRequest& request, Position position,
                                      QueryPage& page) {
    std::shared_ptr<const Answer> answer = find(position.id);
    if (!answer) {
        CO_TRY_VOID(co_await visit(
            *query, [query](Shard& shard, std::size_t) { return shard.queries().scan(query); }));
        auto made = std::make_shared<Answer>();
        made->rows = query->groups.answer();
        if (made->rows.size() > request.rows_max) keep(position.id, made);
        answer = std::move(made);
    }
    std::size_t bytes = 0;
    std::uint64_t at = position.delivered;
    for (; at < answer->rows.size() && page.rows.size() < request.rows_max &&
           bytes < request.bytes_max;
         ++at) {
        page.rows.push_back(answer->rows[at]);
        bytes += page.rows.back().size();
    }
    position.delivered = at;
    if (at < answer->rows.size()) page.cursor = to_text(position);
    co_return Result<>{};
}

// One round: the next rows of all shards, merged, with their documents.
Task<Result<>> Queries::State::more_rows(std::shared_ptr<RunningQuery> query,
                                         const PageRequest& request, Position& position,
                                         QueryPage& page, Filling& filling) {
    const query::Plan& plan = *query->plan;
    const std::uint64_t to_skip = plan.offset - position.skipped;
    std::uint64_t wanted = request.rows_max - page.rows.size();
    if (plan.limit) wanted = std::min(wanted, *plan.limit - position.delivered);
    const auto count =
        static_cast<std::size_t>(std::clamp<std::uint64_t>(to_skip + wanted, 1, read_rows_max));

    // Of the past each shard has two: behind those of the columns come those of its past tables.
    using Source = ShardQueries::Source;
    const std::size_t all = shards.size();
    const std::vector<Source> sources =
        query->as_of ? std::vector{Source::present, Source::past} : std::vector{Source::present};
    std::vector<fleet::Cursor::Page> pages(all * sources.size());
    for (fleet::Cursor::Page& each : pages) each.complete = true;
    CO_TRY_VOID(co_await visit(*query,
                               [query, &pages, &position, &sources, all, count](
                                   Shard& shard, std::size_t index) -> Task<Result<>> {
                                   CO_TRY_VOID(co_await shard.queries().scan(query));
                                   for (std::size_t s = 0; s < sources.size(); ++s) {
                                       CO_TRY(pages[s * all + index],
                                              co_await shard.queries().read(query, sources[s],
                                                                            position.after, count));
                                   }
                                   co_return Result<>{};
                               }));
    fleet::MergedPage merged = fleet::merge_pages(std::move(pages), count);

    std::vector<std::vector<fleet::Entry>> wanting(all * sources.size());
    std::vector<std::vector<std::size_t>> places(all * sources.size());
    bool any = false;
    for (std::size_t i = 0; i < merged.entries.size(); ++i) {
        const fleet::Entry& entry = merged.entries[i];
        // A row that is only skipped needs its document when that may take it out of the answer.
        if (!entry.needs_document) continue;
        any = true;
        places[entry.shard].push_back(i);
        wanting[entry.shard].push_back(entry);
    }
    std::vector<std::optional<std::string>> documents(merged.entries.size());
    if (any)
        CO_TRY_VOID(co_await visit(
            *query,
            [query, &wanting, &places, &documents, &sources, all](
                Shard& shard, std::size_t index) -> Task<Result<>> {
                for (std::size_t s = 0; s < sources.size(); ++s) {
                    const std::size_t page_of = s * all + index;
                    if (wanting[page_of].empty()) continue;
                    CO_TRY(auto rendered, co_await shard.queries().render(
                                              query, sources[s], std::move(wanting[page_of])));
                    for (std::size_t i = 0; i < rendered.size(); ++i)
                        documents[places[page_of][i]] = std::move(rendered[i]);
                }
                co_return Result<>{};
            }));

    for (std::size_t i = 0; i < merged.entries.size(); ++i) {
        fleet::Entry& entry = merged.entries[i];
        if (page.rows.size() >= request.rows_max || filling.bytes >= request.bytes_max)
            co_return Result<>{};
        position.after = std::move(entry.position);
        std::optional<std::string> row =
            entry.needs_document ? std::move(documents[i]) : std::move(entry.json);
        if (!row) continue;
        if (position.skipped < plan.offset) {
            ++position.skipped;
            continue;
        }
        filling.bytes += row->size();
        page.rows.push_back(std::move(*row));
        if (plan.limit && ++position.delivered >= *plan.limit) {
            filling.complete = true;
            co_return Result<>{};
        }
    }
    if (merged.complete) filling.complete = true;
    else position.after = std::move(merged.after);
    co_return Result<>{};
}

Task<Result<>> Queries::State::rows(std::shared_ptr<RunningQuery>& query,
                                    const PageRequest& request, Position position,
                                    QueryPage& page) {
    Filling filling;
    filling.complete = query->plan->limit && *query->plan->limit <= position.delivered;
    bool again = true;
    while (!filling.complete && page.rows.size() < request.rows_max &&
           filling.bytes < request.bytes_max) {
        const std::size_t had = page.rows.size();
        const Result<> round = co_await more_rows(query, request, position, page, filling);
        if (round) continue;
        // The memory for this answer was not enough: it goes on in the fleet as it is now, once.
        if (round.error().code != Code::unavailable || !std::exchange(again, false) ||
            (position.after.empty() && had == 0))
            co_return round;
        forget(*query);
        position.id = random.hex(8);
        const std::shared_ptr<RunningQuery> lost =
            std::exchange(query, begin(query->plan, request, position));
        query->work = lost->work;
        query->rows_looked_at = lost->rows_looked_at;
    }
    if (filling.complete) forget(*query);
    else page.cursor = to_text(position);
    co_return Result<>{};
}

Task<Result<QueryPage>> Queries::run(std::shared_ptr<const query::Plan> plan, PageRequest request) {
    State& state = *state_;
    const Moment began = state.clock.monotonic();
    // Their rows are not of twins: Jobs answers them.
    if (plan->collection == query::Collection::jobs) co_return QueryPage{};
    if (const auto seconds = state.budget.wait(request.principal, began))
        co_return failure(Code::throttled,
                          "The queries of this principal have used their share of the hub",
                          std::to_string(seconds->count()));
    QueryPage page;
    if (const auto view =
            request.cursor.empty() && !plan->as_of ? state.at_hand(*plan) : std::nullopt) {
        append_twin(page.rows.emplace_back(), *view);
        page.rows_looked_at = 1;
        page.plan = "idLookup";
        page.time = state.clock.monotonic() - began;
        co_return page;
    }
    Position position;
    if (request.cursor.empty()) {
        position.id = state.random.hex(8);
    } else {
        auto parsed = parse_position(request.cursor);
        if (!parsed)
            co_return failure(Code::argument_invalid, "The continuation token is not one of ours");
        position = std::move(*parsed);
        if (position.as_of.has_value() != plan->as_of.has_value())
            co_return failure(Code::argument_invalid, "The continuation token is not one of ours");
    }
    if (plan->as_of) {
        CO_TRY_VOID(co_await state.go_back(*plan, position));
        plan = std::make_shared<const query::Plan>(past_plan(*plan));
    }
    std::shared_ptr<RunningQuery> query = state.begin(plan, request, position);
    Result<> done = {};
    if (plan->explain != query::Explain::no) done = co_await state.explain(query, page);
    else if (plan->grouped) done = co_await state.groups(query, request, position, page);
    else done = co_await state.rows(query, request, position, page);
    const Moment now = state.clock.monotonic();
    state.budget.charge(request.principal, query->work, now);
    if (!done) {
        state.forget(*query);
        co_return std::unexpected(std::move(done).error());
    }
    page.rows_looked_at = query->rows_looked_at;
    page.time = now - began;
    page.plan = plan_text(*query);
    co_return page;
}

}  // namespace twinhub::hub

#include "hub/series/reading.h"

#include "query/compile.h"
#include "store/keys.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <set>

namespace twinhub::hub {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr std::array<minutes, 10> usual_steps{minutes{1}, minutes{5}, minutes{15}, hours{1},
                                              hours{3},   hours{6},   hours{12},   days{1},
                                              days{7},    days{30}};
constexpr int usual_points = 120;

std::int64_t floor_divided(std::int64_t number, std::int64_t by) {
    const std::int64_t quotient = number / by;
    return number % by < 0 ? quotient - 1 : quotient;
}

std::unexpected<Error> refused_step(const std::string& message) {
    return failure(Code::argument_invalid, message, "step");
}

std::unexpected<Error> refused_condition() {
    return failure(Code::argument_invalid,
                   "A series is kept of all devices and of the values of the paths in the setting "
                   "drift.series_by: the condition is one such path = a value, or there is none",
                   "where");
}

}  // namespace

Instant SeriesReading::from() const { return Instant(step * first_step); }
Instant SeriesReading::until() const { return Instant(minutes{end_minute}); }

std::size_t SeriesReading::step_of(std::int64_t number) const {
    return static_cast<std::size_t>(floor_divided(number, step / length_of(level)) - first_step);
}

Result<SeriesReading> reading_of(minutes window, std::optional<minutes> step, Instant now,
                                 std::size_t points_max) {
    const bool of_hours = window > series_minutes_kept;
    if (!step) {
        step = usual_steps.back();
        for (const minutes usual : usual_steps | std::views::reverse)
            if (window <= usual * usual_points && (!of_hours || usual >= hours{1})) step = usual;
    }
    if (*step < minutes{1}) return refused_step("A step is one or more whole minutes");
    if (of_hours && *step % hours{1} != minutes{0})
        return refused_step("Beyond seven days there is one value an hour: a step is whole hours");
    SeriesReading reading{.step = *step};
    if (*step % hours{1} == minutes{0}) reading.level = SeriesLevel::hour;
    reading.end_minute = series_number(SeriesLevel::minute, now);
    const std::int64_t length = step->count();
    reading.first_step = floor_divided(series_number(SeriesLevel::minute, now - window), length);
    reading.steps = floor_divided(reading.end_minute - 1, length) - reading.first_step + 1;
    if (reading.steps > static_cast<std::int64_t>(points_max))
        return refused_step("These are more than " + std::to_string(points_max) +
                            " points: take a longer step");
    return reading;
}

Result<std::vector<std::optional<SeriesSample>>> read_steps(const store::Engine& engine,
                                                            std::string_view by,
                                                            const SeriesReading& reading) {
    std::vector<std::optional<SeriesSample>> steps(static_cast<std::size_t>(reading.steps));
    // What is newer than now was written before the clock was set back.
    const std::int64_t newest =
        floor_divided(reading.end_minute - 1, length_of(reading.level).count());
    const auto cursor = engine.scan(
        store::Family::metadata,
        series_range(reading.level, by, reading.first(), std::min(reading.last(), newest)));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        TRY(const SeriesKey key, parse_series_key(cursor->key()));
        TRY(SeriesSample sample, open_sample(cursor->key(), cursor->value()));
        std::optional<SeriesSample>& step = steps[reading.step_of(key.number)];
        if (step) step->follow(sample);
        else step = std::move(sample);
    }
    TRY_VOID(cursor->status());
    return steps;
}

std::vector<std::optional<SeriesCounts>> line_of(
    const std::vector<std::optional<SeriesSample>>& steps, std::string_view key) {
    std::vector<std::optional<SeriesCounts>> line;
    line.reserve(steps.size());
    for (const auto& step : steps) {
        const SeriesCounts* counts = step ? step->find(key) : nullptr;
        if (counts != nullptr) line.emplace_back(*counts);
        else if (step && step->rest.devices() == 0) line.emplace_back(SeriesCounts{});
        else line.emplace_back(std::nullopt);
    }
    return line;
}

std::vector<std::string> keys_of(const std::vector<std::optional<SeriesSample>>& steps) {
    std::set<std::string> keys;
    for (const auto& step : steps)
        if (step)
            for (const SeriesSample::Group& group : step->groups) keys.insert(group.key);
    return {keys.begin(), keys.end()};
}

Result<SeriesCondition> series_condition(std::string_view where) {
    const auto plan = query::compile_condition(where, query::Place::job);
    if (!plan || !plan->where || plan->collection != query::Collection::devices)
        return refused_condition();
    const query::Expr& equal = plan->expr(*plan->where);
    if (equal.op != query::Op::equal || equal.operands.size() != 2) return refused_condition();
    const query::Expr* path = &plan->expr(equal.operands[0]);
    const query::Expr* value = &plan->expr(equal.operands[1]);
    if (path->op == query::Op::constant) std::swap(path, value);
    if (path->op != query::Op::path || value->op != query::Op::constant || value->undefined)
        return refused_condition();
    auto of = SeriesPath::of(plan->paths[path->path]);
    if (!of) return refused_condition();
    SeriesCondition condition{.path = *std::move(of), .key = {}};
    std::optional<std::string> key = series_name(query::Value::of(value->constant));
    if (!key) return refused_condition();
    condition.key = *std::move(key);
    return condition;
}

Result<std::vector<std::string>> find_expired_samples(const store::Engine& engine, Instant now,
                                                      std::size_t count_max) {
    const std::int64_t first_minute = series_number(SeriesLevel::minute, now - series_minutes_kept);
    const std::int64_t first_hour = series_number(SeriesLevel::hour, now - series_hours_kept);
    std::vector<std::string> found;
    const auto cursor =
        engine.scan(store::Family::metadata, store::area_range(store::Area::series));
    for (cursor->seek_first(); cursor->valid() && found.size() < count_max; cursor->next()) {
        TRY(const SeriesKey key, parse_series_key(cursor->key()));
        if (key.number < (key.level == SeriesLevel::minute ? first_minute : first_hour))
            found.emplace_back(cursor->key());
    }
    TRY_VOID(cursor->valid() ? Result<>() : cursor->status());
    return found;
}

}  // namespace twinhub::hub

#include "fleet/scan/tick_range.h"

#include "query/time_text.h"

#include <algorithm>

namespace twinhub::fleet {
namespace {

using query::Expr;
using query::Op;
using query::Truth;
using query::Value;

constexpr std::int64_t ticks_per_second = 10'000'000;
constexpr std::int64_t first_tick = never.time_since_epoch().count();
// The last that ISO 8601 can write with four digits for the year.
constexpr std::int64_t last_tick =
    Instant(std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}).time_since_epoch().count() - 1;

bool is_order(Op op) {
    return op == Op::less || op == Op::less_equal || op == Op::greater || op == Op::greater_equal;
}

bool is_age(const Expr& expr, const query::Plan& plan) {
    return expr.op == Op::call && expr.function == query::Function::age_seconds &&
           plan.expr(expr.operands.front()).op == Op::path;
}

// The constant of a comparison, and what stands on the other side.
struct Sides {
    const json::value* constant = nullptr;
    const Expr* other = nullptr;
};

Sides sides_of(const query::Plan& plan, const Expr& expr) {
    const Expr& left = plan.expr(expr.operands[0]);
    const Expr& right = plan.expr(expr.operands[1]);
    if (right.op == Op::constant && !right.undefined) return {&right.constant, &left};
    if (left.op == Op::constant && !left.undefined) return {&left.constant, &right};
    return {};
}

std::optional<query::TimePoint> time_of(const json::value& constant) {
    if (!constant.is_string()) return std::nullopt;
    return query::parse_time(std::string_view(constant.get_string()));
}

TickRange at(query::TimePoint time) {
    if (time.nanoseconds % 100 != 0) return {};
    const std::int64_t tick = time.seconds * ticks_per_second + time.nanoseconds / 100;
    return {tick, tick};
}

// Where a truth that changes at most once between the first and the last tick is a wanted one. The
// evaluator is asked some sixty times, so that what a comparison means is said in one place.
TickRange search(Evaluation& evaluation, query::ExprIndex expr, Truths wanted) {
    std::string text;
    const auto wants = [&](std::int64_t tick) {
        text.clear();
        append_instant(text, Instant(Ticks(tick)));
        return wanted.has(evaluation.of_value(expr, Value::string(text)));
    };
    const bool first = wants(first_tick);
    if (first == wants(last_tick)) return first ? TickRange{first_tick, last_tick} : TickRange{};
    std::int64_t same = first_tick;
    std::int64_t other = last_tick;
    while (other - same > 1) {
        const std::int64_t middle = same + (other - same) / 2;
        (wants(middle) == first ? same : other) = middle;
    }
    return first ? TickRange{first_tick, same} : TickRange{other, last_tick};
}

}  // namespace

std::optional<TickRange> tick_range(Evaluation& evaluation, query::ExprIndex index, Truths wanted) {
    const query::Plan& plan = evaluation.plan();
    const Expr& expr = plan.expr(index);
    if (expr.operands.size() != 2) return std::nullopt;
    const auto [constant, other] = sides_of(plan, expr);
    if (constant == nullptr) return std::nullopt;
    const bool times = expr.time && other->op == Op::path && time_of(*constant).has_value();
    if (times && expr.op == Op::equal && wanted == Truths(Truth::yes))
        return at(*time_of(*constant));
    if (is_order(expr.op) && (times || (is_age(*other, plan) && constant->is_double())))
        return search(evaluation, index, wanted);
    return std::nullopt;
}

}  // namespace twinhub::fleet

#include "fleet/scan/condition.h"

#include "query/scalar.h"

#include <iterator>
#include <utility>

namespace twinhub::fleet {
namespace {

using query::Expr;
using query::Op;
using query::Truth;
using Kind = Condition::Kind;

constexpr Truths yes = Truth::yes;
constexpr Truths no = Truth::no;
constexpr Truths undefined = Truth::undefined;

// Takes in one more part. `unit` changes nothing, `zero` decides.
void add_part(Condition& whole, Condition part, Kind unit, Kind zero) {
    if (part.kind == unit || whole.kind == zero) return;
    if (part.kind == zero) {
        whole = {zero, {}, 0, {}};
    } else if (part.kind == whole.kind) {
        whole.parts.insert(whole.parts.end(), std::make_move_iterator(part.parts.begin()),
                           std::make_move_iterator(part.parts.end()));
    } else {
        whole.parts.push_back(std::move(part));
    }
}

Condition finished(Condition whole, Kind unit) {
    if (whole.parts.empty() && (whole.kind == Kind::all || whole.kind == Kind::any))
        return {unit, {}, 0, {}};
    if (whole.parts.size() == 1) return Condition(std::move(whole.parts.front()));
    return whole;
}

Condition both(Condition a, Condition b) {
    Condition whole{Kind::all, {}, 0, {}};
    add_part(whole, std::move(a), Kind::always, Kind::never);
    add_part(whole, std::move(b), Kind::always, Kind::never);
    return finished(std::move(whole), Kind::always);
}

Condition every(const query::Plan& plan, const Expr& expr, Truths wanted) {
    Condition whole{Kind::all, {}, 0, {}};
    for (const query::ExprIndex operand : expr.operands)
        add_part(whole, condition_of(plan, operand, wanted), Kind::always, Kind::never);
    return finished(std::move(whole), Kind::always);
}

Condition some(const query::Plan& plan, const Expr& expr, Truths wanted) {
    Condition whole{Kind::any, {}, 0, {}};
    for (const query::ExprIndex operand : expr.operands)
        add_part(whole, condition_of(plan, operand, wanted), Kind::never, Kind::always);
    return finished(std::move(whole), Kind::never);
}

// AND is `yes` when all operands are, and `no` when one is; OR the other way round.
Condition connective(const query::Plan& plan, const Expr& expr, Truths wanted) {
    const bool is_and = expr.op == Op::logical_and;
    const Truths all_of = is_and ? yes : no;  // the truth that needs every operand
    const Truths one_of = is_and ? no : yes;  // the one for which one is enough
    if (wanted == all_of || wanted == ~one_of) return every(plan, expr, wanted);
    if (wanted == one_of || wanted == ~all_of) return some(plan, expr, wanted);
    if (wanted == undefined) return both(every(plan, expr, ~one_of), some(plan, expr, ~all_of));
    Condition whole{Kind::any, {}, 0, {}};  // yes or no
    add_part(whole, every(plan, expr, all_of), Kind::never, Kind::always);
    add_part(whole, some(plan, expr, one_of), Kind::never, Kind::always);
    return finished(std::move(whole), Kind::never);
}

// The truths of an operand that NOT turns into one of those wanted.
Truths before_not(Truths wanted) {
    Truths before;
    for (const Truth truth : {Truth::no, Truth::yes, Truth::undefined})
        if (wanted.has(query::negated(truth))) before = before | truth;
    return before;
}

}  // namespace

Condition condition_of(const query::Plan& plan, query::ExprIndex index, Truths wanted) {
    if (wanted.empty()) return {Kind::never, {}, 0, {}};
    if (wanted == Truths::all()) return {Kind::always, {}, 0, {}};
    const Expr& expr = plan.expr(index);
    switch (expr.op) {
        case Op::logical_and:
        case Op::logical_or: return connective(plan, expr, wanted);
        case Op::logical_not: return condition_of(plan, expr.operands.front(), before_not(wanted));
        default: return {Kind::leaf, {}, index, wanted};
    }
}

}  // namespace twinhub::fleet

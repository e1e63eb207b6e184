#include "query/evaluate.h"

#include "query/limits.h"

#include <array>

namespace twinhub::query {

Evaluator::Evaluator(const Plan& plan, Instant now)
    : plan_(plan),
      now_text_(format_instant(now)),
      context_{.now = time_point(now), .now_text = {}, .scratch = nullptr} {}

bool Evaluator::passes(RowSource& row) {
    return !plan_.where || truth(*plan_.where, row) == Truth::yes;
}

Truth Evaluator::truth(ExprIndex expr, RowSource& row) {
    scratch_.clear();
    return truth_at(expr, row);
}

Value Evaluator::value(ExprIndex expr, RowSource& row) {
    scratch_.clear();
    return value_at(expr, row);
}

Truth Evaluator::truth_at(ExprIndex index, RowSource& row) {
    const Expr& expr = plan_.exprs[index];
    switch (expr.op) {
        case Op::equal:
        case Op::not_equal:
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal: {
            const Value left = value_at(expr.operands[0], row);
            const Value right = value_at(expr.operands[1], row);
            return compare(expr.op, left, right, expr.time, plan_.missing);
        }
        case Op::in:
        case Op::not_in: return is_member(expr, value_at(expr.operands[0], row), plan_.missing);
        case Op::logical_and:
        case Op::logical_or: {
            // The first operand of this truth decides; nothing else can.
            const Truth decides = expr.op == Op::logical_and ? Truth::no : Truth::yes;
            bool undefined = false;
            for (const ExprIndex operand : expr.operands) {
                const Truth truth = truth_at(operand, row);
                if (truth == decides) return truth;
                undefined |= truth == Truth::undefined;
            }
            return undefined ? Truth::undefined : negated(decides);
        }
        case Op::logical_not: return negated(truth_at(expr.operands[0], row));
        default: return truth_of(value_at(index, row), plan_.missing);
    }
}

Value Evaluator::value_at(ExprIndex index, RowSource& row) {
    const Expr& expr = plan_.exprs[index];
    switch (expr.op) {
        case Op::constant: return expr.undefined ? Value() : Value::of(expr.constant);
        case Op::path: return row.get(expr.path);
        case Op::negate: return negated(value_at(expr.operands[0], row));
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::divide:
        case Op::modulo: {
            const Value left = value_at(expr.operands[0], row);
            return arithmetic(expr.op, left, value_at(expr.operands[1], row));
        }
        case Op::call: return call_at(expr, row);
        default: return value_of(truth_at(index, row));
    }
}

Value Evaluator::call_at(const Expr& expr, RowSource& row) {
    std::array<Value, arguments_max> arguments;
    std::size_t count = 0;
    for (const ExprIndex operand : expr.operands) arguments[count++] = value_at(operand, row);
    context_.scratch = &scratch_;  // here: the evaluator may have been moved
    context_.now_text = now_text_;
    return call(expr, std::span(arguments).first(count), context_);
}

}  // namespace twinhub::query

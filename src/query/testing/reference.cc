#include "query/testing/reference.h"

#include "query/geo.h"
#include "query/narrow.h"
#include "query/testing/reference_values.h"
#include "query/text_functions.h"

#include <algorithm>
#include <cmath>

namespace twinhub::query::testing {
namespace {

Maybe at_path(const json::object& document, const Path& path) {
    json::value at = document;
    for (const Segment& segment : path.segments) {
        if (const auto* key = std::get_if<std::string>(&segment)) {
            if (!at.is_object() || !at.get_object().contains(*key)) return {};
            at = json::value(at.get_object().at(*key));
        } else {
            const std::size_t index = std::get<std::uint32_t>(segment);
            if (!at.is_array() || index >= at.get_array().size()) return {};
            at = json::value(at.get_array()[index]);
        }
    }
    return at;
}

Maybe from_truth(MaybeTruth truth) { return truth ? Maybe(json::value(*truth)) : Maybe(); }

struct Evaluation {
    const Plan& plan;
    const json::object& document;
    Instant now;

    bool missing_differs() const { return plan.missing == MissingCompares::different; }

    MaybeTruth truth(ExprIndex index) const {
        const Maybe value = this->value(index);
        if (value && value->is_bool()) return value->get_bool();
        // Only values can be missing: what a condition leaves open stays open.
        const Op op = plan.expr(index).op;
        const bool condition = op >= Op::equal && op <= Op::logical_not;
        if (!value && !condition && missing_differs()) return false;
        return {};
    }

    MaybeTruth compared(Op op, const Maybe& a, const Maybe& b, bool time) const {
        if (!a || !b) return missing_differs() ? MaybeTruth(op == Op::not_equal) : MaybeTruth();
        if (kind_of(*a) != kind_of(*b) || a->is_array() || a->is_object()) return {};
        if (a->is_null()) {
            if (op == Op::equal) return true;
            if (op == Op::not_equal) return false;
            return {};
        }
        const int order = order_of(*a, *b, time, TimesFirst::no);
        switch (op) {
            case Op::equal: return order == 0;
            case Op::not_equal: return order != 0;
            case Op::less: return order < 0;
            case Op::less_equal: return order <= 0;
            case Op::greater: return order > 0;
            default: return order >= 0;
        }
    }

    // x IN [a, b] is x = a OR x = b.
    MaybeTruth in_list(const Expr& expr) const {
        const Maybe operand = value(expr.operands[0]);
        std::vector<MaybeTruth> links;
        links.reserve(expr.list.size());
        for (const json::value& element : expr.list)
            links.push_back(compared(Op::equal, operand, element, expr.time));
        if (expr.undefined)
            links.push_back(!operand && missing_differs() ? MaybeTruth(false) : MaybeTruth());
        return any(links);
    }

    static MaybeTruth any(const std::vector<MaybeTruth>& truths) {
        bool open = false;
        for (const MaybeTruth& truth : truths) {
            if (truth == MaybeTruth(true)) return true;
            if (!truth) open = true;
        }
        return open ? MaybeTruth() : MaybeTruth(false);
    }
    static MaybeTruth opposite(MaybeTruth truth) {
        return truth ? MaybeTruth(!*truth) : MaybeTruth();
    }

    Maybe value(ExprIndex index) const {
        const Expr& expr = plan.expr(index);
        const auto operand = [&](std::size_t i) { return value(expr.operands[i]); };
        switch (expr.op) {
            case Op::constant: return expr.undefined ? Maybe() : Maybe(expr.constant);
            case Op::path: {
                Maybe found = at_path(document, plan.paths[expr.path]);
                if (found) cut_hidden(plan, expr.path, *found);
                return found;
            }
            case Op::in: return from_truth(in_list(expr));
            case Op::not_in: return from_truth(opposite(in_list(expr)));
            case Op::logical_not: return from_truth(opposite(truth(expr.operands[0])));
            case Op::logical_and:
            case Op::logical_or: {
                // a AND b is NOT (NOT a OR NOT b).
                const bool conjunction = expr.op == Op::logical_and;
                std::vector<MaybeTruth> truths;
                truths.reserve(expr.operands.size());
                for (const ExprIndex child : expr.operands)
                    truths.push_back(conjunction ? opposite(truth(child)) : truth(child));
                return from_truth(conjunction ? opposite(any(truths)) : any(truths));
            }
            case Op::negate: return computed(Op::subtract, json::value(0.0), operand(0));
            case Op::add:
            case Op::subtract:
            case Op::multiply:
            case Op::divide:
            case Op::modulo: return computed(expr.op, operand(0), operand(1));
            case Op::call: {
                std::vector<Maybe> arguments;
                arguments.reserve(expr.operands.size());
                for (std::size_t i = 0; i < expr.operands.size(); ++i)
                    arguments.push_back(operand(i));
                return called(expr, arguments, now);
            }
            default: return from_truth(compared(expr.op, operand(0), operand(1), expr.time));
        }
    }
};

}  // namespace

Maybe value_in(const Plan& plan, ExprIndex expr, const json::object& document, Instant now) {
    return Evaluation{plan, document, now}.value(expr);
}

bool selects(const Plan& plan, const json::object& document, Instant now) {
    return !plan.where || Evaluation{plan, document, now}.truth(*plan.where) == MaybeTruth(true);
}

std::vector<json::object> answer(const Plan& plan, const std::vector<json::object>& documents,
                                 Instant now) {
    std::vector<const json::object*> selected;
    for (const json::object& document : documents)
        if (selects(plan, document, now)) selected.push_back(&document);
    return answer_of_selected(plan, selected);
}

Maybe column_of(const Plan& plan, const json::object& document, PathIndex path) {
    Maybe value = at_path(document, plan.paths[path]);
    if (value) cut_hidden(plan, path, *value);
    return value;
}

}  // namespace twinhub::query::testing

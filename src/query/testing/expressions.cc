#include "query/testing/expressions.h"

#include "query/document_row.h"
#include "query/expression_builder.h"
#include "query/lexer.h"
#include "query/parser.h"

#include <gtest/gtest.h>

namespace twinhub::query::testing {
namespace {

std::string text_of(const Value& value) {
    switch (value.type()) {
        case Type::undefined: return "undefined";
        case Type::null: return "null";
        case Type::boolean: return value.boolean() ? "true" : "false";
        case Type::number: {
            std::string text;
            append_json_number(text, value.number());
            return text;
        }
        case Type::string: {
            std::string text;
            append_json_string(text, value.string());
            return text;
        }
        case Type::array:
        case Type::object: return twinhub::to_text(*value.tree());
    }
    return {};
}

}  // namespace

json::value value(std::string_view text) {
    auto parsed = parse_json(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? std::move(*parsed) : json::value();
}

json::object object(std::string_view text) { return value(text).as_object(); }

Plan plan_of_expression(std::string_view text, MissingCompares missing) {
    Plan plan;
    plan.star = true;
    plan.missing = missing;
    const auto query = Parser(text, tokenize(text, nullptr), Dialect::extended).condition();
    EXPECT_TRUE(query) << text << ": " << (query ? "" : query.error().message);
    if (!query || !query->where) return plan;
    const auto where = ExpressionBuilder(plan, text).build(*query->where);
    EXPECT_TRUE(where) << text << ": " << (where ? "" : where.error().message);
    if (where) plan.where = *where;
    return plan;
}

std::string worth(std::string_view expression, const json::object& document, Instant now,
                  MissingCompares missing) {
    const Plan plan = plan_of_expression(expression, missing);
    if (!plan.where) return "error";
    DocumentRow row(plan, document);
    Evaluator evaluator(plan, now);
    return text_of(evaluator.value(*plan.where, row));
}

bool same_expression(const Plan& a, ExprIndex in_a, const Plan& b, ExprIndex in_b) {
    const Expr &x = a.expr(in_a), &y = b.expr(in_b);
    if (x.op != y.op || x.time != y.time || x.undefined != y.undefined ||
        x.constant != y.constant || x.list != y.list || x.polygon != y.polygon ||
        (x.regex == nullptr) != (y.regex == nullptr) || x.operands.size() != y.operands.size())
        return false;
    if (x.op == Op::path && a.paths[x.path] != b.paths[y.path]) return false;
    if (x.op == Op::call && x.function != y.function) return false;
    for (std::size_t i = 0; i < x.operands.size(); ++i)
        if (!same_expression(a, x.operands[i], b, y.operands[i])) return false;
    return true;
}

}  // namespace twinhub::query::testing

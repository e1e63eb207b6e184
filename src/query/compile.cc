#include "query/compile.h"

#include "query/checker.h"
#include "query/lexer.h"
#include "query/names.h"
#include "query/parser.h"
#include "query/text_check.h"

namespace twinhub::query {
namespace {

// Spec query-language 8: what Azure refuses when a configuration is saved.
Checked<> check_target(const std::vector<Token>& tokens, std::string_view text, const Plan& plan) {
    for (const Token& token : tokens)
        if (token.is(Word::in) || token.is(Word::nin))
            return std::unexpected(error_at(text, token.offset, ErrorKind::unsupported_clause,
                                            "A target condition has no IN and NIN",
                                            "join comparisons with OR"));
    const Path desired{{"properties", "desired"}};
    for (const Expr& expr : plan.exprs)
        if (expr.op == Op::path && is_at_or_below(plan.paths[expr.path], desired))
            return std::unexpected(error_at(text, expr.offset, ErrorKind::unsupported_clause,
                                            "A target condition cannot read desired properties",
                                            "use deviceId, tags and reported properties"));
    return {};
}

}  // namespace

Checked<Plan> compile(std::string_view text, const Options& options) {
    TRY_VOID(check_text(text));
    Budget budget;
    Parser parser(text, tokenize(text, options.dialect == Dialect::extended ? &budget : nullptr),
                  options.dialect);
    TRY(const SyntaxQuery query, parser.query());
    TRY(Plan plan, check(query, text, options));
    plan.budget = budget;
    return plan;
}

Checked<Plan> compile_condition(std::string_view text, Place place, const Options& options) {
    TRY_VOID(check_text(text));
    const std::vector<Token> tokens = tokenize(text, nullptr);
    TRY(const SyntaxQuery query, Parser(text, tokens, options.dialect).condition());
    TRY(Plan plan, check(query, text, options));
    if (place == Place::target && options.dialect == Dialect::azure)
        TRY_VOID(check_target(tokens, text, plan));
    return plan;
}

}  // namespace twinhub::query

// Laws of the language, on generated queries and documents.
#include "query/compile.h"
#include "query/document_row.h"
#include "query/lexer.h"
#include "query/limits.h"
#include "query/narrow.h"
#include "query/print.h"
#include "query/testing/conformance.h"
#include "query/testing/expressions.h"
#include "query/testing/generators.h"
#include "query/testing/reference.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::query {
namespace {

const Instant now = parse_instant("2026-03-01T12:00:00Z").value();

Plan compiled(const std::string& text, const Options& options = {}) {
    auto plan = compile(text, options);
    if (!plan) RC_FAIL(text + ": " + plan.error().message + " near " + plan.error().near);
    return std::move(*plan);
}

Plan condition_plan(const std::string& condition, const Options& options = {}) {
    return compiled("SELECT * FROM devices WHERE " + condition, options);
}

MissingCompares any_reading() {
    return *rc::gen::element(MissingCompares::undefined, MissingCompares::different);
}

RC_GTEST_PROP(Query, TheEvaluatorAgreesWithTheReference, ()) {
    const std::string condition = *testing::any_condition();
    const Plan plan = condition_plan(condition, {.missing = any_reading()});
    Evaluator evaluator(plan, now);
    for (int i = 0; i < 5; ++i) {
        const json::object document = *testing::any_twin("d" + std::to_string(i));
        DocumentRow row(plan, document);
        RC_ASSERT(evaluator.passes(row) == testing::selects(plan, document, now));
    }
}

// Folding changes no answer: the same expression with constants moved into the document.
RC_GTEST_PROP(Query, ConstantsAreWorthWhatPathsToThemAre, ()) {
    const json::object document = *testing::any_twin("d");
    const std::string condition = *testing::any_azure_condition();
    json::object moved = document;
    std::string paths;
    std::size_t at = 0;
    for (const Token& token : tokenize(condition, nullptr)) {
        // Constants of lists and arguments stay.
        const bool list = std::ranges::count(condition.substr(0, token.offset), '[') >
                          std::ranges::count(condition.substr(0, token.offset), ']');
        if (token.kind == TokenKind::string && !list) {
            const std::string key = "s" + std::to_string(token.offset);
            moved[key] = json::string(token.value);
            paths += condition.substr(at, token.offset - at) + key;
            at = token.offset + token.text.size();
        }
    }
    paths += condition.substr(at);
    const Plan before = condition_plan(condition), after = condition_plan(paths);
    DocumentRow first(before, document), second(after, moved);
    RC_ASSERT(Evaluator(before, now).passes(first) == Evaluator(after, now).passes(second));
}

RC_GTEST_PROP(Query, APrintedConditionCompilesToItself, ()) {
    const Plan plan = condition_plan(*testing::any_condition());
    if (!plan.where) return;
    const std::string printed = to_text(plan, *plan.where);
    const Plan again = condition_plan(printed);
    RC_ASSERT(again.where.has_value());
    if (!testing::same_expression(plan, *plan.where, again, *again.where)) RC_FAIL(printed);
}

// Keys that nobody would choose.
RC_GTEST_PROP(Query, APrintedPathCompilesToItself, ()) {
    const auto key = rc::gen::element<std::string>("devices", "modules", "jobs", "id", "group", "a",
                                                   "[", "]]", "", "'", "\\", "a b", "1", "ü", "\n",
                                                   "$", "Tags", "count", "x.y");
    std::string text = "devices";
    for (int i = *rc::gen::inRange(1, 5); i > 0; --i) {
        std::string quoted = twinhub::to_text(json::value(*key));
        if (const std::size_t newline = quoted.find("\\n"); newline != std::string::npos)
            quoted.replace(newline, 2, "\\u000a");
        text += *rc::gen::inRange(0, 3) == 0 ? "[" + std::to_string(*rc::gen::inRange(0, 3)) + "]"
                                             : "[" + quoted + "]";
    }
    const Plan plan = condition_plan("IS_DEFINED(" + text + ")");
    const Plan again = condition_plan(to_text(plan, *plan.where));
    RC_ASSERT(plan.paths == again.paths);
}

RC_GTEST_PROP(Query, WhatAzureAcceptsMeansTheSameInTheExtendedDialect, ()) {
    const std::string text = *testing::any_query(Dialect::azure);
    const Plan azure = compiled(text, {.dialect = Dialect::azure});
    const Plan extended = compiled(text);
    std::vector<json::object> documents;
    documents.reserve(4);
    const bool modules = azure.collection == Collection::modules;
    for (int i = 0; i < 4; ++i)
        documents.push_back(*testing::any_twin("d" + std::to_string(i), modules ? "m" : ""));
    RC_ASSERT(testing::answer(azure, documents, now) == testing::answer(extended, documents, now));
}

RC_GTEST_PROP(Query, NarrowingByAConditionIsAskingForBoth, ()) {
    const std::string first = *testing::any_condition(), second = *testing::any_condition();
    Plan narrowed = condition_plan(first);
    narrow(narrowed, compile_condition(second, Place::job).value());
    const Plan both = condition_plan("(" + first + ") AND (" + second + ")");
    const json::object document = *testing::any_twin("d");
    RC_ASSERT(testing::selects(narrowed, document, now) == testing::selects(both, document, now));
}

// Pieces of valid queries in any order, and bytes that mean nothing.
RC_GTEST_PROP(Query, NoTextCrashesAndEveryErrorPointsIntoIt, ()) {
    const auto& cases = testing::conformance().cases;
    const auto any_case = rc::gen::inRange<std::size_t>(0, cases.size());
    std::string text = cases[*any_case].query.substr(0, 300);
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
        const std::string& other = cases[*any_case].query;
        const std::size_t from =
            *rc::gen::inRange<std::size_t>(0, std::min<std::size_t>(other.size(), 300) + 1);
        const std::size_t at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
        switch (*rc::gen::inRange(0, 3)) {
            case 0:
                text.insert(at, other.substr(from, *rc::gen::inRange<std::size_t>(0, 20)));
                break;
            case 1: text.erase(at, *rc::gen::inRange<std::size_t>(0, 5)); break;
            default: text.insert(at, 1, *rc::gen::arbitrary<char>());
        }
    }
    for (const Dialect dialect : {Dialect::azure, Dialect::extended}) {
        const auto plan = compile(text, {.dialect = dialect});
        if (!plan) RC_ASSERT(plan.error().offset <= text.size());
    }
}

}  // namespace
}  // namespace twinhub::query

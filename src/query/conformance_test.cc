// Every case of the table, through the reference evaluator and through ours; what azure accepts
// gives the same in the extended dialect.
#include "query/testing/conformance.h"

#include "query/compile.h"
#include "query/document_row.h"
#include "query/testing/reference.h"

#include <gtest/gtest.h>

namespace twinhub::query {
namespace {

using testing::conformance;
using testing::ConformanceCase;

std::vector<json::object> evaluated(const Plan& plan) {
    const auto& documents = conformance().judged_rows_of(plan.collection);
    Evaluator evaluator(plan, conformance().now);
    std::vector<const json::object*> selected;
    for (const json::object& document : documents) {
        DocumentRow row(plan, document);
        if (evaluator.passes(row)) selected.push_back(&document);
    }
    return testing::answer_of_selected(plan, selected);
}

std::vector<json::object> referred(const Plan& plan) {
    return testing::answer(plan, conformance().judged_rows_of(plan.collection), conformance().now);
}

class Case : public ::testing::TestWithParam<ConformanceCase> {};

void check_in(const ConformanceCase& one, Dialect dialect) {
    const auto plan = compile(one.query, {.dialect = dialect});
    if (one.error_kind) {
        ASSERT_FALSE(plan);
        EXPECT_EQ(to_text(plan.error().kind), *one.error_kind) << plan.error().message;
        return;
    }
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(testing::difference(one, referred(*plan)), "");
    EXPECT_EQ(testing::difference(one, evaluated(*plan)), "");
}

TEST_P(Case, GivesTheRowsOfTheTable) {
    const ConformanceCase& one = GetParam();
    check_in(one, one.dialect);
    // A superset keeps answers; what it adds were errors.
    if (one.dialect == Dialect::azure && !one.error_kind) check_in(one, Dialect::extended);
}

TEST_P(Case, OfTheExtendedDialectIsRefusedByAzure) {
    const ConformanceCase& one = GetParam();
    if (one.dialect != Dialect::extended || one.name == "x-keyword-contextual") return;
    const auto plan = compile(one.query, {.dialect = Dialect::azure});
    ASSERT_FALSE(plan);
    EXPECT_THAT(std::string(to_text(plan.error().kind)),
                ::testing::AnyOf("unsupportedClause", "unsupportedFunction", "invalidProjection"));
}

INSTANTIATE_TEST_SUITE_P(Table, Case, ::testing::ValuesIn(conformance().cases),
                         [](const auto& info) {
                             std::string name = info.param.name;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

TEST(Conformance, ReadsTheWholeTable) {
    EXPECT_EQ(conformance().cases.size(), 258U);
    EXPECT_EQ(conformance().devices.size(), 10U);
    EXPECT_EQ(conformance().modules.size(), 2U);
}

}  // namespace
}  // namespace twinhub::query

#include "query/testing/conformance.h"

#include "fleet/testing/run_query.h"
#include "query/compile.h"

#include <gtest/gtest.h>

#include <algorithm>

// The cases of spec query-language 13 through the columns of two shards.
namespace twinhub::fleet {
namespace {

using query::testing::conformance;
using query::testing::ConformanceCase;

struct Fleet {
    testing::ModelFleet shards[2];
    std::vector<testing::ModelFleet*> all{&shards[0], &shards[1]};

    explicit Fleet(query::Collection collection) {
        std::size_t n = 0;
        for (const json::object& document : conformance().rows_of(collection)) {
            const testing::Model model = testing::model_of(document);
            testing::ModelFleet& shard = shards[n++ % 2];
            shard.put(model);
            shard.set_drift(model, twin::drift::assess(
                                       model.twin, {}, model.module_id.starts_with("$edge"),
                                       query::testing::connection_of(document), conformance().now));
        }
    }
};

std::vector<json::object> parsed(const std::vector<std::string>& rows) {
    std::vector<json::object> objects;
    for (const std::string& row : rows) objects.push_back(parse_json(row).value().get_object());
    return objects;
}

TEST(QueryConformance, ColumnsAnswerEveryCase) {
    Fleet devices(query::Collection::devices);
    Fleet modules(query::Collection::modules);
    std::size_t checked = 0;
    for (const ConformanceCase& one : conformance().cases) {
        if (one.error_kind) continue;
        SCOPED_TRACE(one.name);
        const auto plan = query::compile(one.query, {.dialect = one.dialect});
        ASSERT_TRUE(plan) << plan.error().message;
        if (plan->collection == query::Collection::jobs) continue;
        Fleet& fleet = plan->collection == query::Collection::modules ? modules : devices;
        const auto answer =
            testing::run_query(*plan, fleet.all, conformance().now, {.page = 3, .walk = 2});
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ(query::testing::difference(one, parsed(*answer)), "");
        ++checked;
    }
    EXPECT_GT(checked, 170u);
}

TEST(QueryConformance, TheTwinsOfTheFixtureSurviveTheWayThroughModels) {
    for (const auto collection : {query::Collection::devices, query::Collection::modules})
        for (const json::object& document : conformance().rows_of(collection)) {
            json::object made = testing::model_of(document).document();
            json::object expected = document;
            // Not kept, or shown only when they say something.
            for (const char* name : {"capabilities", "parentScopes"}) {
                made.erase(name);
                expected.erase(name);
            }
            EXPECT_EQ(json::value(made), json::value(expected));
        }
}

}  // namespace
}  // namespace twinhub::fleet

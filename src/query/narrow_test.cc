#include "query/narrow.h"

#include "query/compile.h"
#include "query/names.h"
#include "query/print.h"
#include "query/testing/conformance.h"
#include "query/testing/expressions.h"
#include "query/testing/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::query {
namespace {

using ::testing::ElementsAre;
using testing::object;

Plan plan_of(std::string_view text) {
    auto plan = compile(text);
    EXPECT_TRUE(plan) << text << ": " << (plan ? "" : plan.error().message);
    return std::move(plan).value_or(Plan{});
}

std::string narrowed(std::string_view query, std::string_view condition) {
    Plan plan = plan_of(query);
    narrow(plan, compile_condition(condition, Place::job).value());
    return plan.where ? to_text(plan, *plan.where) : "all";
}

Path path(std::string_view first, std::initializer_list<std::string_view> rest = {}) {
    std::vector<Segment> segments{std::string(first)};
    for (const std::string_view key : rest) segments.emplace_back(std::string(key));
    return canonical_path(Collection::devices, std::move(segments));
}

TEST(Narrow, AddsACondition) {
    EXPECT_EQ(narrowed("SELECT * FROM devices", "tags.team = 'a'"), "tags.team = 'a'");
    EXPECT_EQ(narrowed("SELECT * FROM devices WHERE tags.a OR tags.b", "tags.team = 'a'"),
              "(tags.a OR tags.b) AND tags.team = 'a'");
    EXPECT_EQ(narrowed("SELECT * FROM devices WHERE tags.a AND tags.b = tags.team",
                       "tags.team = 'a' AND tags.a"),
              "tags.a AND tags.b = tags.team AND tags.team = 'a' AND tags.a");
    EXPECT_EQ(narrowed("SELECT * FROM devices WHERE tags.a = 1", "*"), "tags.a = 1");
    EXPECT_EQ(narrowed("SELECT * FROM devices WHERE tags.a = 1", ""), "false");
    EXPECT_EQ(narrowed("SELECT * FROM devices WHERE false", "tags.a = 1"), "false");
    EXPECT_EQ(narrowed("SELECT * FROM devices", "*"), "all");
}

TEST(Narrow, SharesThePathsOfThePlan) {
    Plan plan = plan_of("SELECT tags.a FROM devices WHERE tags.b = 1");
    narrow(plan, compile_condition("tags.b > 0 AND tags.c", Place::job).value());
    EXPECT_EQ(plan.paths.size(), 3U);
}

TEST(Narrow, SelectsWhatBothSelect) {
    const auto& all = testing::conformance();
    Plan plan = plan_of("SELECT deviceId FROM devices WHERE tags.type = 'pump'");
    narrow(plan, compile_condition("status = 'enabled'", Place::job).value());
    EXPECT_THAT(testing::answer(plan, all.devices, all.now),
                ElementsAre(object(R"({"deviceId":"pump-01"})")));
}

const json::object& document() {
    static const json::object made = object(R"({
        "deviceId": "d", "tags": {"open": 1, "secret": {"a": 1, "b": 2}, "at": {"lat": 1, "lon": 2}},
        "properties": {"desired": {"key": "k", "x": 1, "$version": 2, "$metadata": {
            "$lastUpdated": "2026-01-01T00:00:00Z", "key": {"$lastUpdated": "2026-01-01T00:00:00Z"},
            "x": {"$lastUpdated": "2026-01-01T00:00:00Z"}}}}})");
    return made;
}

std::vector<json::object> answer_hiding(std::string_view query, const std::vector<Path>& hidden) {
    Plan plan = plan_of(query);
    for (const Path& one : hidden) hide(plan, one);
    return testing::answer(plan, {document()}, Instant{});
}

TEST(Hide, MakesPathsUndefined) {
    const Path secret = path("tags", {"secret"});
    EXPECT_THAT(
        answer_hiding("SELECT tags.secret, tags.secret.a, tags.open FROM devices", {secret}),
        ElementsAre(object(R"({"open":1})")));
    EXPECT_THAT(answer_hiding("SELECT * FROM devices WHERE tags.secret.a = 1", {secret}),
                ElementsAre());
    EXPECT_THAT(answer_hiding("SELECT * FROM devices WHERE IS_DEFINED(tags.secret)", {secret}),
                ElementsAre());
    EXPECT_THAT(
        answer_hiding("SELECT SUM(tags.secret.a) AS s, COUNT() AS n FROM devices", {secret}),
        ElementsAre(object(R"({"n":1})")));
    EXPECT_THAT(answer_hiding("SELECT tags.secret.a AS k, COUNT() AS n FROM devices "
                              "GROUP BY tags.secret.a ORDER BY k",
                              {secret}),
                ElementsAre(object(R"({"n":1})")));
    EXPECT_THAT(answer_hiding("SELECT deviceId FROM devices ORDER BY tags.secret.a", {secret}),
                ElementsAre(object(R"({"deviceId":"d"})")));
}

TEST(Hide, CutsObjectsAndDocuments) {
    EXPECT_THAT(answer_hiding("SELECT tags FROM devices",
                              {path("tags", {"secret", "a"}), path("tags", {"at"})}),
                ElementsAre(object(R"({"tags":{"open":1,"secret":{"b":2}}})")));
    EXPECT_THAT(answer_hiding("SELECT * FROM devices",
                              {path("tags"), path("properties", {"desired", "key"})}),
                ElementsAre(object(R"({"deviceId":"d","properties":{"desired":{"x":1,"$version":2,
            "$metadata":{"$lastUpdated":"2026-01-01T00:00:00Z",
                         "x":{"$lastUpdated":"2026-01-01T00:00:00Z"}}}}})")));
}

TEST(Hide, CoversMetadata) {
    EXPECT_THAT(answer_hiding("SELECT deviceId FROM devices WHERE "
                              "properties.desired.$metadata.key.$lastUpdated > '2025-01-01'",
                              {path("properties", {"desired", "key"})}),
                ElementsAre());
}

TEST(Hide, LeavesNoPlaceThatIsPartlyHidden) {
    const char* query = "SELECT deviceId FROM devices WHERE GEO_DISTANCE(tags.at, 1, 2) < 5";
    EXPECT_EQ(answer_hiding(query, {}).size(), 1U);
    EXPECT_EQ(answer_hiding(query, {path("tags", {"at", "lat"})}).size(), 0U);
}

TEST(Hide, DoesNotBindAConditionThatIsAddedAfterwards) {
    Plan plan = plan_of("SELECT deviceId FROM devices WHERE NOT IS_DEFINED(tags.secret.a)");
    hide(plan, path("tags", {"secret"}));
    narrow(plan, compile_condition("tags.secret.a = 1", Place::job).value());
    EXPECT_EQ(testing::answer(plan, {document()}, Instant{}).size(), 1U);
}

}  // namespace
}  // namespace twinhub::query

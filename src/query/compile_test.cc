// What the checker makes of accepted texts.
#include "query/compile.h"

#include "query/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::query {
namespace {

using ::testing::ElementsAre;

Plan plan_of(std::string_view text, const Options& options = {}) {
    auto plan = compile(text, options);
    EXPECT_TRUE(plan) << text << ": " << (plan ? "" : plan.error().message);
    return plan ? std::move(*plan) : Plan{};
}

std::vector<std::string> paths_of(std::string_view text) {
    const Plan plan = plan_of(text);
    std::vector<std::string> out;
    out.reserve(plan.paths.size());
    for (const Path& path : plan.paths)
        out.push_back(to_text(plan, path) + (path.time ? " (time)" : ""));
    return out;
}

// The condition as it is after checking and folding; "all" without one.
std::string condition_of(std::string_view condition) {
    const Plan plan = plan_of("SELECT * FROM devices WHERE " + std::string(condition));
    return plan.where ? to_text(plan, *plan.where) : "all";
}

TEST(Paths, AreCanonical) {
    const auto devices = [](std::string_view path) {
        return paths_of("SELECT " + std::string(path) + " FROM devices").at(0);
    };
    EXPECT_EQ(devices("DEVICEID"), "deviceId");
    EXPECT_EQ(devices("ID"), "deviceId");
    EXPECT_EQ(devices("[[deviceid]]"), "deviceId");
    EXPECT_EQ(devices("Devices.Tags.Type"), "tags.Type");
    EXPECT_EQ(devices("devices.id"), "deviceId");
    EXPECT_EQ(devices("PROPERTIES.Desired.A"), "properties.desired.A");
    EXPECT_EQ(devices("properties.REPORTED"), "properties.reported");
    EXPECT_EQ(devices("tags.Desired"), "tags.Desired");
    EXPECT_EQ(devices("devices.modules.x"), "modules.x");
    EXPECT_EQ(devices("devices"), "devices");
    EXPECT_EQ(devices("tags['odd-key'][[a b]][3].c"), "tags.[[odd-key]].[[a b]][3].c");
    EXPECT_EQ(devices("lastactivitytime"), "lastActivityTime (time)");
    EXPECT_EQ(devices("statusUpdateTime"), "statusUpdateTime (time)");
    EXPECT_EQ(devices("tags.lastActivityTime"), "tags.lastActivityTime");
    EXPECT_EQ(devices("properties.desired.$metadata.$lastUpdated"),
              "properties.desired.$metadata.$lastUpdated (time)");
    EXPECT_EQ(devices("createdTimeUtc"), "createdTimeUtc");

    EXPECT_THAT(paths_of("SELECT * FROM devices.modules WHERE devices.deviceId = '' AND "
                         "devices.modules.MODULEID = '' AND id = '' AND modules.x = ''"),
                ElementsAre("deviceId", "moduleId", "id", "modules.x"));
    EXPECT_THAT(paths_of("SELECT * FROM devices.jobs WHERE devices.jobs.JobId = '' AND "
                         "devices.CreatedTimeUtc = '' AND starttimeutc = '' AND tags.a = 1"),
                ElementsAre("jobId", "createdDateTimeUtc (time)", "startTimeUtc (time)", "tags.a"));
}

TEST(Paths, StandOnceInThePlan) {
    EXPECT_THAT(
        paths_of("SELECT tags.a FROM devices WHERE devices.tags.a = 1 AND tags['a'] > tags.b"
                 " ORDER BY TAGS.a"),
        ElementsAre("tags.a", "tags.b"));
}

TEST(Columns, AreNamedByAliasLastKeyOrNumber) {
    const auto names = [](std::string_view list) {
        std::vector<std::string> out;
        for (const Item& item : plan_of("SELECT " + std::string(list) + " FROM devices").items)
            out.push_back(item.name);
        return out;
    };
    EXPECT_THAT(names("DeviceId, properties.reported.dev.v.nw, tags.[[odd-key]]"),
                ElementsAre("deviceId", "nw", "odd-key"));
    EXPECT_THAT(names("tags.a[1], tags.b AS B, tags.c[2], tags['d']"),
                ElementsAre("$1", "B", "$2", "d"));
    EXPECT_THAT(names("COUNT(), AVG(tags.a) AS a, MAX(tags.a)"), ElementsAre("$1", "a", "$2"));
    EXPECT_THAT(names("tags.a AS [[group by]], tags.b AS order"), ElementsAre("group by", "order"));
}

TEST(Groups, AreRowsOfTheAnswer) {
    const Plan plan = plan_of(
        "SELECT tags.b AS b, COUNT(*), MIN(tags.c) FROM devices GROUP BY tags.a, tags.b, tags.a");
    EXPECT_TRUE(plan.grouped);
    EXPECT_EQ(plan.group_by.size(), 2U);
    EXPECT_EQ(plan.items[0].aggregate, Aggregate::none);
    EXPECT_EQ(plan.items[1].aggregate, Aggregate::count);
    EXPECT_EQ(plan.items[2].aggregate, Aggregate::min);
    EXPECT_TRUE(plan_of("SELECT COUNT() FROM devices").grouped);
    EXPECT_TRUE(plan_of("SELECT tags.a FROM devices GROUP BY tags.a").grouped);
    EXPECT_FALSE(plan_of("SELECT tags.a FROM devices").grouped);
}

TEST(Order, OfRowsIsByPathsAndOfGroupsByColumns) {
    const Plan rows = plan_of(
        "SELECT tags.prio AS p, tags.x AS deviceId FROM devices ORDER BY p, deviceId DESC, tags.y "
        "ASC");
    ASSERT_EQ(rows.order_by.size(), 3U);
    EXPECT_EQ(rows.order_by[0].by, (std::variant<PathIndex, std::size_t>(rows.items[0].path)));
    EXPECT_FALSE(rows.order_by[0].descending);
    EXPECT_EQ(to_text(rows, rows.paths[std::get<PathIndex>(rows.order_by[1].by)]), "deviceId");
    EXPECT_TRUE(rows.order_by[1].descending);

    const Plan groups = plan_of(
        "SELECT tags.a, COUNT() AS n, SUM(tags.b) FROM devices GROUP BY tags.a ORDER BY n DESC, "
        "devices.tags.a, $1");
    ASSERT_EQ(groups.order_by.size(), 3U);
    EXPECT_EQ(std::get<std::size_t>(groups.order_by[0].by), 1U);
    EXPECT_EQ(std::get<std::size_t>(groups.order_by[1].by), 0U);
    EXPECT_EQ(std::get<std::size_t>(groups.order_by[2].by), 2U);
}

TEST(Limits, TakeTheSmallerOfTopAndLimit) {
    EXPECT_EQ(plan_of("SELECT TOP 5 * FROM devices LIMIT 7").limit, 5U);
    EXPECT_EQ(plan_of("SELECT TOP 0x10 * FROM devices LIMIT 0").limit, 0U);
    EXPECT_EQ(plan_of("SELECT * FROM devices LIMIT 7 OFFSET 3").offset, 3U);
    EXPECT_EQ(plan_of("SELECT * FROM devices OFFSET 3").limit, std::nullopt);
}

TEST(Clauses, GoIntoThePlan) {
    const Plan plan = plan_of(
        "/*+ timeout(2s) */ EXPLAIN ANALYZE SELECT * FROM devices.modules AS OF '-PT1H30M' WHERE "
        "x");
    EXPECT_EQ(plan.explain, Explain::analyze);
    EXPECT_EQ(plan.collection, Collection::modules);
    EXPECT_EQ(plan.budget.time_max, std::chrono::seconds{2});
    const Instant now{std::chrono::hours{10}};
    ASSERT_TRUE(plan.as_of);
    EXPECT_EQ(plan.as_of->at(now), now - std::chrono::minutes{90});
    EXPECT_EQ(plan_of("SELECT * FROM devices AS OF '1970-01-01T00:00:01.5Z'").as_of->at(now),
              Instant{std::chrono::milliseconds{1500}});
    EXPECT_EQ(plan_of("explain select * from devices").explain, Explain::plan);
    // A comment to azure.
    EXPECT_EQ(plan_of("/*+ timeout(2s) */ SELECT * FROM devices", {.dialect = Dialect::azure})
                  .budget.time_max,
              std::nullopt);
}

TEST(Clauses, ContextualWordsStayKeys) {
    EXPECT_THAT(paths_of("SELECT order, limit, tags.offset AS desc FROM devices "
                         "WHERE explain = analyze AND having.join = tags.count AND count = 1 "
                         "ORDER BY order DESC, asc ASC, desc LIMIT 5"),
                ElementsAre("order", "limit", "tags.offset", "explain", "analyze", "having.join",
                            "tags.count", "count", "asc"));
}

TEST(Conditions, BindAsTheGrammarSays) {
    EXPECT_EQ(condition_of("a OR b AND NOT c = d"), "a OR b AND NOT c = d");
    EXPECT_EQ(condition_of("(a OR b) AND (NOT (c = d))"), "(a OR b) AND NOT c = d");
    EXPECT_EQ(condition_of("a AND (b AND (c))"), "a AND b AND c");
    EXPECT_EQ(condition_of("a - (b - c) * -d / e = 1"), "a - (b - c) * -d / e = 1");
    EXPECT_EQ(condition_of("(a - b) - c = 1"), "a - b - c = 1");
    EXPECT_EQ(condition_of("NOT (a IN [1])"), "NOT a IN [1]");
    EXPECT_EQ(condition_of("(NOT a) = true"), "(NOT a) = true");
    EXPECT_EQ(condition_of("(a = b) = (c OR d)"), "(a = b) = (c OR d)");
    EXPECT_EQ(condition_of("a <> +b"), "a != 0 + b");
    EXPECT_EQ(condition_of("starts_with(a, \"it's\")"), "STARTSWITH(a, 'it\\'s')");
    EXPECT_EQ(condition_of("GEO_WITHIN(a, [ [1,2],[3,4],[5,6] ])"),
              "GEO_WITHIN(a, [ [1, 2], [3, 4], [5, 6]])");
}

TEST(Conditions, ListsAreSortedWithoutRepetition) {
    EXPECT_EQ(condition_of("a IN ['b', 2, 1.0, 1, null, 'a', true, 0x2, undefined, [1]]"),
              "a IN [null, true, 1, 2, 'a', 'b', undefined]");
}

TEST(Conditions, FoldConstants) {
    EXPECT_EQ(condition_of("true"), "all");
    EXPECT_EQ(condition_of("1 + 2 * 3 = 7"), "all");
    EXPECT_EQ(condition_of("null"), "false");
    EXPECT_EQ(condition_of("1 = '1'"), "false");
    EXPECT_EQ(condition_of("undefined"), "false");
    EXPECT_EQ(condition_of("a IN []"), "false");
    EXPECT_EQ(condition_of("a NIN []"), "all");
    EXPECT_EQ(condition_of("a = 2 - 5"), "a = -3");
    EXPECT_EQ(condition_of("a AND 1 = 2"), "false");
    EXPECT_EQ(condition_of("a OR 1 = 1 OR b"), "all");
    EXPECT_EQ(condition_of("a = 1 AND true"), "a = 1");
    EXPECT_EQ(condition_of("a AND true"), "a AND true");
    EXPECT_EQ(condition_of("a = 1 AND 1 = 'x'"), "a = 1 AND undefined");
    EXPECT_EQ(condition_of("LOWER('A') = b"), "'a' = b");
    EXPECT_EQ(condition_of("b = NOW()"), "b = NOW()");
    EXPECT_EQ(condition_of("REGEX_MATCH(a, CONCAT('^', 'b'))"), "REGEX_MATCH(a, '^b')");
    EXPECT_EQ(condition_of("a / 0 = 1"), "a / 0 = 1");
    EXPECT_EQ(condition_of("1 / 0 = a"), "undefined = a");
}

TEST(Conditions, LeaveNothingUnusedBehind) {
    const Plan plan = plan_of("SELECT * FROM devices WHERE tags.a IN [] OR tags.b = 1 + 1");
    ASSERT_TRUE(plan.where);
    EXPECT_EQ(plan.exprs.size(), 3U);
    EXPECT_EQ(plan.paths.size(), 1U);
}

TEST(Conditions, MarkTimes) {
    const auto time = [](std::string_view condition) {
        const Plan plan = plan_of("SELECT * FROM devices WHERE " + std::string(condition));
        return plan.expr(*plan.where).time;
    };
    EXPECT_TRUE(time("lastActivityTime > '2026-01-01'"));
    EXPECT_TRUE(time("tags.t < LASTACTIVITYTIME"));
    EXPECT_TRUE(time("statusUpdateTime IN ['2026-01-01']"));
    EXPECT_FALSE(time("tags.t < '2026-01-01'"));
    EXPECT_FALSE(time("tags.t < NOW()"));
}

TEST(BareConditions, StandForSelectStar) {
    const auto all = compile_condition(" * ", Place::target);
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->star);
    EXPECT_FALSE(all->where);
    const auto none = compile_condition("", Place::target);
    ASSERT_TRUE(none);
    EXPECT_EQ(to_text(*none, *none->where), "false");
    const auto some = compile_condition("tags.a = 1", Place::job);
    ASSERT_TRUE(some);
    EXPECT_EQ(to_text(*some, *some->where), "tags.a = 1");
    EXPECT_EQ(some->collection, Collection::devices);
    const auto modules =
        compile_condition("FROM Devices.Modules WHERE moduleId = 'x'", Place::target);
    ASSERT_TRUE(modules);
    EXPECT_EQ(modules->collection, Collection::modules);
}

TEST(BareConditions, RefuseWhatIsNoCondition) {
    const auto kind = [](std::string_view text, Place place, Dialect dialect) {
        const auto plan = compile_condition(text, place, {.dialect = dialect});
        return plan ? std::string() : std::string(to_text(plan.error().kind));
    };
    EXPECT_EQ(kind("SELECT * FROM devices", Place::job, Dialect::extended), "syntax");
    EXPECT_EQ(kind("tags.a = 1 GROUP BY x", Place::job, Dialect::extended), "syntax");
    EXPECT_EQ(kind("FROM devices.modules", Place::target, Dialect::extended), "syntax");
    EXPECT_EQ(kind("FROM devices.jobs WHERE x", Place::target, Dialect::extended),
              "unknownCollection");
    EXPECT_EQ(kind("tags.a IN ['x']", Place::target, Dialect::extended), "");
    EXPECT_EQ(kind("tags.a IN ['x']", Place::target, Dialect::azure), "unsupportedClause");
    EXPECT_EQ(kind("DeviceId IN ['x']", Place::job, Dialect::azure), "");
    EXPECT_EQ(kind("properties.desired.a = 1", Place::target, Dialect::azure), "unsupportedClause");
    EXPECT_EQ(kind("properties.reported.a = 1", Place::target, Dialect::azure), "");
}

}  // namespace
}  // namespace twinhub::query

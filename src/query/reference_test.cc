// The reference evaluator where the table of the specification does not reach.
#include "query/testing/reference.h"

#include "query/compile.h"
#include "query/testing/expressions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::query {
namespace {

using testing::object;

std::string answer(std::string_view query) {
    static const std::vector<json::object> documents{
        object(
            R"({"deviceId":"b","lastActivityTime":"2026-03-01T11:30:00.5Z","tags":{"k":2,"o":{"y":1,"x":[1]}}})"),
        object(
            R"({"deviceId":"a","lastActivityTime":"2026-03-01T11:30:00Z","tags":{"k":"2","n":7}})"),
        object(
            R"({"deviceId":"c","lastActivityTime":"2026-03-01T11:30:00Z","tags":{"k":2.0,"o":{"x":[1.0],"y":1}}})"),
        object(R"({"deviceId":"d","tags":{"k":null,"n":"text"}})"),
        object(R"({"deviceId":"d","moduleId":"m","tags":{"k":true,"n":-1}})")};
    const auto plan = compile(query);
    EXPECT_TRUE(plan) << query;
    std::string out;
    for (const json::object& row : testing::answer(*plan, documents, Instant{}))
        out += twinhub::to_text(json::value(row));
    return out;
}

TEST(Reference, RowsComeByIdWhenNothingElseDecides) {
    EXPECT_EQ(answer("SELECT deviceId AS d, moduleId AS m FROM devices"),
              R"({"d":"a"}{"d":"b"}{"d":"c"}{"d":"d"}{"d":"d","m":"m"})");
    EXPECT_EQ(answer("SELECT deviceId AS d FROM devices ORDER BY tags.k DESC, tags.n LIMIT 4"),
              R"({"d":"a"}{"d":"b"}{"d":"c"}{"d":"d"})");
}

TEST(Reference, TimesAreOrderedAsInstants) {
    EXPECT_EQ(answer("SELECT deviceId AS d FROM devices ORDER BY lastActivityTime DESC LIMIT 2"),
              R"({"d":"b"}{"d":"a"})");
    EXPECT_EQ(answer("SELECT MAX(lastActivityTime) AS t FROM devices"),
              R"({"t":"2026-03-01T11:30:00.5Z"})");
}

TEST(Reference, GroupsComeByTheirKeys) {
    EXPECT_EQ(answer("SELECT tags.k AS k, COUNT() AS n FROM devices GROUP BY tags.k"),
              R"({"k":null,"n":1}{"k":true,"n":1}{"k":2.0,"n":2}{"k":"2","n":1})");
    EXPECT_EQ(answer("SELECT COUNT() AS n FROM devices GROUP BY tags.o ORDER BY n DESC"),
              R"({"n":3}{"n":2})");
    EXPECT_EQ(
        answer("SELECT tags.k AS k, COUNT() AS n FROM devices GROUP BY tags.k ORDER BY n DESC "
               "LIMIT 2"),
        R"({"k":2.0,"n":2}{"k":null,"n":1})");
}

TEST(Reference, MinAndMaxPreferNumbers) {
    EXPECT_EQ(answer("SELECT MIN(tags.n) AS lo, MAX(tags.n) AS hi FROM devices"),
              R"({"lo":-1,"hi":7})");
    EXPECT_EQ(
        answer("SELECT MAX(tags.n) AS hi, SUM(tags.n) AS s FROM devices WHERE IS_STRING(tags.n)"),
        R"({"hi":"text"})");
}

TEST(Reference, CutsAfterEverythingElse) {
    EXPECT_EQ(answer("SELECT TOP 1 deviceId FROM devices ORDER BY deviceId DESC LIMIT 3 OFFSET 2"),
              R"({"deviceId":"c"})");
    EXPECT_EQ(answer("SELECT deviceId FROM devices LIMIT 0"), "");
    EXPECT_EQ(answer("SELECT deviceId FROM devices OFFSET 9"), "");
}

}  // namespace
}  // namespace twinhub::query

// What is refused, as what, where, and with which advice (spec query-language 10).
#include "query/compile.h"
#include "query/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::query {
namespace {

using enum ErrorKind;
constexpr Dialect azure = Dialect::azure;
constexpr Dialect extended = Dialect::extended;

struct Wrong {
    const char* query;
    ErrorKind kind;
    const char* near;  // how the text goes on there
    const char* hint = "";
    Dialect dialect = extended;
};
void PrintTo(const Wrong& row, std::ostream* out) { *out << row.query; }

class CompileErrors : public ::testing::TestWithParam<Wrong> {};

TEST_P(CompileErrors, SayWhatWhereAndWhatInstead) {
    const Wrong& row = GetParam();
    const auto plan = compile(row.query, {.dialect = row.dialect});
    ASSERT_FALSE(plan);
    EXPECT_EQ(to_text(plan.error().kind), to_text(row.kind)) << plan.error().message;
    EXPECT_EQ(plan.error().near, std::string(row.near).substr(0, near_characters_max))
        << plan.error().message;
    EXPECT_THAT(plan.error().hint, ::testing::HasSubstr(row.hint)) << plan.error().message;
    EXPECT_FALSE(plan.error().message.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Clauses, CompileErrors,
    ::testing::Values(
        Wrong{"", syntax, "", "SELECT"}, Wrong{" /* x */ ", syntax, " /* x */ ", "SELECT"},
        Wrong{"DELETE FROM devices", syntax, "DELETE FROM devices", "only read"},
        Wrong{"SELECT", syntax, ""}, Wrong{"SELECT *", syntax, ""},
        Wrong{"SELECT FROM devices", syntax, "FROM devices"}, Wrong{"SELECT * FROM", syntax, ""},
        Wrong{"SELECT * FROM 'devices'", syntax, "'devices'"},
        Wrong{"SELECT * FROM twins", unknown_collection, "twins", "devices.modules"},
        Wrong{"SELECT * FROM devices.tags", unknown_collection, "devices.tags", "devices.jobs"},
        Wrong{"SELECT * FROM devices d", syntax, "d"},
        Wrong{"SELECT * FROM devices AS d", syntax, "AS d", "without"},
        Wrong{"SELECT * FROM devices, devices.jobs", syntax, ", devices.jobs"},
        Wrong{"SELECT *, deviceId FROM devices", syntax, ", deviceId FROM devices"},
        Wrong{"SELECT deviceId, * FROM devices", syntax, "* FROM devices"},
        Wrong{"SELECT deviceId d FROM devices", syntax, "d FROM devices"},
        Wrong{"SELECT deviceId AS FROM devices", syntax, "FROM devices", "[[FROM]]"},
        Wrong{"SELECT deviceId AS 'd' FROM devices", syntax, "'d' FROM devices"},
        Wrong{"SELECT DISTINCT tags.type FROM devices", unsupported_clause,
              "DISTINCT tags.type FROM devices", "GROUP BY"},
        Wrong{"SELECT TOP 0 * FROM devices", invalid_literal, "0 * FROM devices"},
        Wrong{"SELECT TOP -1 * FROM devices", invalid_literal, "-1 * FROM devices"},
        Wrong{"SELECT TOP 1.5 * FROM devices", invalid_literal, "1.5 * FROM devices"},
        Wrong{"SELECT TOP 99999999999999999999 * FROM devices", invalid_literal,
              "99999999999999999999 * FROM devices"},
        Wrong{"SELECT TOP * FROM devices", syntax, "* FROM devices"},
        Wrong{"SELECT * FROM devices WHERE", syntax, ""},
        Wrong{"SELECT * FROM devices WHERE GROUP BY x", syntax, "GROUP BY x"},
        Wrong{"SELECT * FROM devices GROUP tags.type", syntax, "tags.type"},
        Wrong{"SELECT * FROM devices GROUP BY 1", syntax, "1"},
        Wrong{"SELECT * FROM devices WHERE true WHERE true", syntax, "WHERE true", "order"},
        Wrong{"SELECT * FROM devices ORDER deviceId", syntax, "deviceId"},
        Wrong{"SELECT * FROM devices ORDER BY 1", syntax, "1"},
        Wrong{"SELECT * FROM devices OFFSET 1 LIMIT 2", syntax, "LIMIT 2", "order"},
        Wrong{"SELECT * FROM devices LIMIT -1", invalid_literal, "-1"},
        Wrong{"SELECT * FROM devices LIMIT x", syntax, "x"},
        Wrong{"SELECT * FROM devices LIMIT", syntax, ""},
        Wrong{"SELECT * FROM devices AS OF yesterday", syntax, "yesterday"},
        Wrong{"SELECT * FROM devices AS OF 'yesterday'", invalid_literal, "'yesterday'", "-PT1H"},
        Wrong{"SELECT * FROM devices AS OF '-P'", invalid_literal, "'-P'"},
        Wrong{"SELECT tags.a, COUNT() FROM devices GROUP BY tags.a HAVING COUNT() > 1",
              unsupported_clause, "HAVING COUNT() > 1", "client"},
        Wrong{"SELECT * FROM devices JOIN devices.jobs", unsupported_clause, "JOIN devices.jobs"},
        Wrong{"SELECT * FROM devices UNION SELECT * FROM devices", unsupported_clause,
              "UNION SELECT * FROM devices", "OR"},
        Wrong{"EXPLAIN", syntax, ""}, Wrong{"EXPLAIN ANALYZE deviceId", syntax, "deviceId"},
        Wrong{"\xFF", syntax, ""}));

INSTANTIATE_TEST_SUITE_P(
    Azure, CompileErrors,
    ::testing::Values(
        Wrong{"SELECT * FROM devices ORDER BY deviceId", unsupported_clause, "ORDER BY deviceId",
              "x-query-dialect: extended", azure},
        Wrong{"SELECT * FROM devices LIMIT 5", unsupported_clause, "LIMIT 5", "extended", azure},
        Wrong{"SELECT * FROM devices OFFSET 5", unsupported_clause, "OFFSET 5", "extended", azure},
        Wrong{"SELECT * FROM devices AS OF '2026-01-01'", unsupported_clause, "AS OF '2026-01-01'",
              "extended", azure},
        Wrong{"EXPLAIN SELECT * FROM devices", unsupported_clause, "EXPLAIN SELECT * FROM devices",
              "extended", azure},
        Wrong{"SELECT COUNT(*) FROM devices", invalid_projection, "*) FROM devices", "COUNT()",
              azure},
        Wrong{"SELECT * FROM devices WHERE STARTS_WITH(deviceId, 'a')", unsupported_function,
              "STARTS_WITH(deviceId, 'a')", "STARTSWITH", azure},
        Wrong{"SELECT * FROM devices WHERE ENDS_WITH(deviceId, 'a')", unsupported_function,
              "ENDS_WITH(deviceId, 'a')", "ENDSWITH", azure},
        Wrong{"SELECT * FROM devices WHERE lower(deviceId) = 'a'", unsupported_function,
              "lower(deviceId) = 'a'", "extended", azure},
        Wrong{"SELECT * FROM devices WHERE NOW() > '2026'", unsupported_function, "NOW() > '2026'",
              "extended", azure},
        Wrong{"SELECT * FROM devices WHERE len(deviceId) = 3", unsupported_function,
              "len(deviceId) = 3", "extended", azure}));

INSTANTIATE_TEST_SUITE_P(
    Expressions, CompileErrors,
    ::testing::Values(
        Wrong{"SELECT * FROM devices WHERE group = 'x'", syntax, "group = 'x'", "[[group]]"},
        Wrong{"SELECT * FROM devices WHERE tags.group = 'x'", syntax, "group = 'x'", "[[group]]"},
        Wrong{"SELECT * FROM devices WHERE tags.5 = 1", syntax, "5 = 1", "[[5]]"},
        Wrong{"SELECT * FROM devices WHERE tags. = 1", syntax, "= 1"},
        Wrong{"SELECT * FROM devices WHERE tags[x] = 1", syntax, "x] = 1"},
        Wrong{"SELECT * FROM devices WHERE tags[-1] = 1", syntax, "-1] = 1"},
        Wrong{"SELECT * FROM devices WHERE tags[1.5] = 1", syntax, "1.5] = 1"},
        Wrong{"SELECT * FROM devices WHERE tags.a[99999999999] = 1", invalid_literal,
              "99999999999] = 1"},
        Wrong{"SELECT * FROM devices WHERE tags.a['x' = 1", syntax, "= 1"},
        Wrong{"SELECT * FROM devices WHERE 1 < tags.a < 9", syntax, "< 9", "AND"},
        Wrong{"SELECT * FROM devices WHERE tags.a = 1 = true", syntax, "= true", "AND"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN [1] IN [true]", syntax, "IN [true]", "AND"},
        Wrong{"SELECT * FROM devices WHERE (deviceId = 'x'", syntax, ""},
        Wrong{"SELECT * FROM devices WHERE deviceId = 'x')", syntax, ")"},
        Wrong{"SELECT * FROM devices WHERE deviceId = 'x' deviceId", syntax, "deviceId"},
        Wrong{"SELECT * FROM devices WHERE deviceId LIKE 'p%'", syntax, "LIKE 'p%'", "STARTSWITH"},
        Wrong{"SELECT * FROM devices WHERE tags.a BETWEEN 1 AND 2", syntax, "BETWEEN 1 AND 2",
              ">= low"},
        Wrong{"SELECT * FROM devices WHERE (tags.a IS NULL)", syntax, "IS NULL)", "IS_NULL"},
        Wrong{"SELECT * FROM devices WHERE tags.a NOT IN ['x']", syntax, "NOT IN ['x']", "NIN"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN ('x')", syntax, "('x')", "IN ['a', 'b']"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN tags.b", syntax, "tags.b"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN ['x', tags.b]", syntax, "tags.b]",
              "constants"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN [(1)]", syntax, "(1)]", "constants"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN ['x',]", syntax, "]"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN ['x' 'y']", syntax, "'y']"},
        Wrong{"SELECT * FROM devices WHERE tags.a IN [[x]]", syntax, "[[x]]", "[ [1] ]"},
        Wrong{"SELECT * FROM devices WHERE tags.a + NOT tags.b", syntax, "NOT tags.b"},
        Wrong{"SELECT * FROM devices WHERE AND tags.b", syntax, "AND tags.b"},
        Wrong{"SELECT * FROM devices WHERE tags.a = ", syntax, ""},
        Wrong{"SELECT * FROM devices WHERE tags.a == 1", syntax, "== 1", "write ="},
        Wrong{"SELECT * FROM devices WHERE STARTSWITH(deviceId 'a')", syntax, "'a')"},
        Wrong{"SELECT * FROM devices WHERE STARTSWITH(deviceId, 'a'", syntax, ""}));

INSTANTIATE_TEST_SUITE_P(
    Functions, CompileErrors,
    ::testing::Values(
        Wrong{"SELECT * FROM devices WHERE foo(deviceId)", unsupported_function, "foo(deviceId)"},
        Wrong{"SELECT * FROM devices WHERE is_definde(deviceId)", unsupported_function,
              "is_definde(deviceId)", "IS_DEFINED"},
        Wrong{"SELECT * FROM devices WHERE len(deviceId) = 1", unsupported_function,
              "len(deviceId) = 1", "LENGTH"},
        Wrong{"SELECT * FROM devices WHERE DRIFT_STATE(tags.a) = 'stale'", type_error,
              "tags.a) = 'stale'", "properties.desired"},
        Wrong{"SELECT * FROM devices WHERE DRIFT_STATE(properties.desired.a[0]) = 'stale'",
              type_error, "properties.desired.a[0]) = 's"},
        Wrong{"SELECT * FROM devices WHERE IS_CONVERGED('a')", type_error, "'a')"},
        Wrong{"SELECT * FROM devices WHERE DRIFT_SINCE(tags.a) = 'x'", arity, "tags.a) = 'x'"},
        Wrong{"SELECT * FROM devices WHERE DRIFT_COUNT() = 1", arity, ") = 1"},
        Wrong{"SELECT * FROM devices WHERE DRIFT_COUNT('x') = 1", invalid_literal, "'x') = 1",
              "rejected"},
        Wrong{"SELECT * FROM devices WHERE DRIFT_COUNT(tags.a) = 1", type_error, "tags.a) = 1"},
        Wrong{"SELECT * FROM devices WHERE COUNT() > 1", invalid_aggregate, "COUNT() > 1"},
        Wrong{"SELECT * FROM devices WHERE tags.a > max(tags.a)", invalid_aggregate, "max(tags.a)"},
        Wrong{"SELECT * FROM devices WHERE STARTSWITH(deviceId)", arity, ")"},
        Wrong{"SELECT * FROM devices WHERE STARTSWITH()", arity, ")"},
        Wrong{"SELECT * FROM devices WHERE IS_DEFINED(tags.a, tags.b)", arity, "tags.b)"},
        Wrong{"SELECT * FROM devices WHERE NOW(1) = ''", arity, "1) = ''"},
        Wrong{"SELECT * FROM devices WHERE SUBSTRING('a', 1, 2, 3) = ''", arity, "3) = ''"},
        Wrong{"SELECT * FROM devices WHERE is_defined('x')", type_error, "'x')"},
        Wrong{"SELECT * FROM devices WHERE is_defined(tags.a = 1)", type_error, "tags.a = 1)"},
        Wrong{"SELECT * FROM devices WHERE is_defined(undefined)", type_error, "undefined)"},
        Wrong{"SELECT * FROM devices WHERE STARTSWITH(deviceId, 5)", type_error, "5)"},
        Wrong{"SELECT * FROM devices WHERE ARRAY_CONTAINS('a', 5)", type_error, "'a', 5)"},
        Wrong{"SELECT * FROM devices WHERE ARRAY_CONTAINS(tags.a, [5])", type_error, "[5])"},
        Wrong{"SELECT * FROM devices WHERE ABS('x') = 1", type_error, "'x') = 1"},
        Wrong{"SELECT * FROM devices WHERE tags.a = ['x']", type_error, "['x']", "ARRAY_CONTAINS"},
        Wrong{"SELECT * FROM devices WHERE [1] < tags.a", type_error, "[1] < tags.a"},
        Wrong{"SELECT * FROM devices WHERE [1] IN [1]", type_error, "[1] IN [1]"},
        Wrong{"SELECT * FROM devices WHERE tags.a + 'x' = 1", type_error, "'x' = 1"},
        Wrong{"SELECT * FROM devices WHERE -true = 1", type_error, "true = 1"},
        Wrong{"SELECT * FROM devices WHERE [1] + 1 = 1", type_error, "[1] + 1 = 1"},
        Wrong{"SELECT * FROM devices WHERE REGEX_MATCH(deviceId, tags.a)", type_error, "tags.a)"},
        Wrong{"SELECT * FROM devices WHERE REGEX_MATCH(deviceId, '(')", invalid_literal, "'(')",
              "RE2"},
        Wrong{"SELECT * FROM devices WHERE REGEX_MATCH(deviceId, '(a)\\\\1')", invalid_literal,
              "'(a)\\\\1')", "RE2"},
        Wrong{"SELECT * FROM devices WHERE GEO_WITHIN(tags.a, tags.b)", type_error, "tags.b)"},
        Wrong{"SELECT * FROM devices WHERE GEO_WITHIN(tags.a, [ [1, 2], [3, 4] ])", invalid_literal,
              "[ [1, 2], [3, 4] ])", "[ ["},
        Wrong{"SELECT * FROM devices WHERE GEO_WITHIN(tags.a, [ [91, 2], [3, 4], [5, 6] ])",
              invalid_literal, "[ [91, 2], [3, 4], [5, 6] ])"}));

INSTANTIATE_TEST_SUITE_P(
    Columns, CompileErrors,
    ::testing::Values(
        Wrong{"SELECT tags.a + 1 AS p FROM devices", invalid_projection,
              "tags.a + 1 AS p FROM devices"},
        Wrong{"SELECT is_defined(tags.a) FROM devices", invalid_projection,
              "is_defined(tags.a) FROM devices"},
        Wrong{"SELECT 1 FROM devices", invalid_projection, "1 FROM devices"},
        Wrong{"SELECT tags.a, 'x' FROM devices", invalid_projection, "'x' FROM devices"},
        Wrong{"SELECT COUNT() + 1 FROM devices", invalid_projection, "+ 1 FROM devices"},
        Wrong{"SELECT COUNT(tags.a) FROM devices", invalid_projection, "tags.a) FROM devices",
              "IS_DEFINED"},
        Wrong{"SELECT AVG() FROM devices", arity, ") FROM devices"},
        Wrong{"SELECT AVG(tags.a, tags.b) FROM devices", arity, ", tags.b) FROM devices"},
        Wrong{"SELECT AVG(*) FROM devices", invalid_projection, "*) FROM devices"},
        Wrong{"SELECT SUM(tags.a * 2) FROM devices", invalid_projection,
              "tags.a * 2) FROM devices"},
        Wrong{"SELECT MAX(MIN(tags.a)) FROM devices", invalid_aggregate,
              "MIN(tags.a)) FROM devices"},
        Wrong{"SELECT tags.a, properties.reported.a FROM devices", duplicate_column,
              "properties.reported.a FROM devices", "AS"},
        Wrong{"SELECT deviceId, devices.DEVICEID FROM devices", duplicate_column,
              "devices.DEVICEID FROM devices", "AS"},
        Wrong{"SELECT COUNT(), tags.a AS $1 FROM devices GROUP BY tags.a", duplicate_column,
              "tags.a AS $1 FROM devices GROUP BY tags.a", "AS"},
        Wrong{"SELECT deviceId, COUNT() FROM devices", invalid_aggregate,
              "deviceId, COUNT() FROM devices", "GROUP BY"},
        Wrong{"SELECT tags.a FROM devices GROUP BY tags.b", invalid_aggregate,
              "tags.a FROM devices GROUP BY tags.b"},
        Wrong{"SELECT * FROM devices GROUP BY tags.a", invalid_aggregate,
              "* FROM devices GROUP BY tags.a"},
        Wrong{"SELECT COUNT() FROM devices GROUP BY tags.a ORDER BY tags.a", invalid_aggregate,
              "tags.a", "SELECT"},
        Wrong{"SELECT deviceId FROM devices.jobs", unsupported_projection,
              "deviceId FROM devices.jobs"},
        Wrong{"SELECT TOP 1 * FROM devices.jobs", unsupported_projection,
              "TOP 1 * FROM devices.jobs"},
        Wrong{"SELECT COUNT() FROM devices.jobs", unsupported_projection,
              "COUNT() FROM devices.jobs"},
        Wrong{"SELECT * FROM devices.jobs GROUP BY status", unsupported_projection,
              "GROUP BY status"}));

std::string where(std::string_view condition) {
    return "SELECT * FROM devices WHERE " + std::string(condition);
}
std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}
std::string kind_of(const std::string& query) {
    const auto plan = compile(query);
    return plan ? "" : std::string(to_text(plan.error().kind));
}

TEST(CompileLimits, CountUnicodeCharacters) {
    const std::string frame = where("deviceId = ''");
    const std::string longest =
        where("deviceId = '" + repeated("é", text_characters_max - frame.size()) + "'");
    EXPECT_EQ(kind_of(longest), "");
    EXPECT_EQ(kind_of(longest + " "), "tooLong");
}

TEST(CompileLimits, BoundTheNesting) {
    const auto nested = [](std::string_view open, std::string_view inside, std::string_view close,
                           std::size_t times) {
        return kind_of(where(repeated(open, times) + std::string(inside) + repeated(close, times)));
    };
    EXPECT_EQ(nested("(", "true", ")", 64), "");
    EXPECT_EQ(nested("(", "true", ")", 65), "syntax");
    EXPECT_EQ(nested("NOT ", "tags.a", "", 64), "");
    EXPECT_EQ(nested("NOT ", "tags.a", "", 65), "syntax");
    EXPECT_EQ(nested("- ", "tags.a", "", 65), "syntax");
    EXPECT_EQ(nested("LOWER(", "tags.a", ")", 65), "syntax");
    EXPECT_EQ(nested("[ ", "1", " ]", 65), "syntax");
    EXPECT_EQ(nested("(", "", "", 8000), "syntax");
    EXPECT_EQ(kind_of(where("tags.a" + repeated("+1", 2000))), "syntax");
    EXPECT_EQ(kind_of(where("tags.a" + repeated("+1", 200) + " = 200")), "");
    EXPECT_EQ(kind_of(where("tags.a" + repeated(" OR tags.b", 700))), "");
}

TEST(CompileLimits, BoundWhatAQueryCanHold) {
    EXPECT_EQ(kind_of(where("tags.a IN [" + repeated("1,", 999) + "1]")), "");
    EXPECT_EQ(kind_of(where("tags.a IN [" + repeated("1,", 1000) + "1]")), "tooLong");
    EXPECT_EQ(kind_of(where("tags.a IN [ " + repeated("[1],", 600) + "1]")), "tooLong");
    EXPECT_EQ(kind_of(where("a" + repeated(".b", path_segments_max))), "tooLong");

    std::string paths = "true", columns, keys, patterns = "true";
    for (std::size_t i = 0; i <= paths_max; ++i) paths += " OR t.a" + std::to_string(i);
    for (std::size_t i = 0; i <= items_max; ++i) columns += ",a" + std::to_string(i);
    for (std::size_t i = 0; i <= group_keys_max; ++i) keys += ",a" + std::to_string(i);
    for (std::size_t i = 0; i <= patterns_max; ++i) patterns += " OR REGEX_MATCH(tags.a, 'x')";
    EXPECT_EQ(kind_of(where(paths)), "tooLong");
    EXPECT_EQ(kind_of("SELECT " + columns.substr(1) + " FROM devices"), "tooLong");
    EXPECT_EQ(kind_of("SELECT COUNT() FROM devices GROUP BY " + keys.substr(1)), "tooLong");
    EXPECT_EQ(kind_of("SELECT * FROM devices ORDER BY " + keys.substr(1)), "tooLong");
    EXPECT_EQ(kind_of(where(patterns)), "tooLong");
    EXPECT_EQ(kind_of(where("REGEX_MATCH(tags.a, '" + repeated("é", 256) + "')")), "");
    EXPECT_EQ(kind_of(where("REGEX_MATCH(tags.a, '" + repeated("é", 257) + "')")),
              "invalidLiteral");
    EXPECT_EQ(kind_of(where("REGEX_MATCH(tags.a, '((a{100}){100}){100}')")), "invalidLiteral");
    EXPECT_EQ(kind_of(where("CONCAT('a'" + repeated(",'a'", arguments_max) + ") = ''")), "arity");
}

TEST(CompileErrors, GiveTheLineAndTheColumnInCharacters) {
    const auto plan = compile("SELECT *\nFROM devices\nWHERE tags.größe = 'ü' AND group = 1");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().line, 3U);
    EXPECT_EQ(plan.error().column, 28U);
    EXPECT_EQ(plan.error().offset, 49U);
    const Error error = to_error(plan.error());
    EXPECT_EQ(error.code, Code::argument_invalid);
    EXPECT_EQ(error.where, "line 3, column 28");
    EXPECT_THAT(error.message, ::testing::HasSubstr("near 'group = 1'"));
}

TEST(CompileErrors, TheFirstOneInTheTextWins) {
    const auto plan = compile("SELECT * FORM devices WHERE x = 'no end");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().near, "FORM devices WHERE x = '");
}

}  // namespace
}  // namespace twinhub::query

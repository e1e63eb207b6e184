// Operators and functions on one document: spec query-language 5, 6 and 11.
#include "query/evaluate.h"

#include "query/testing/expressions.h"
#include "query/testing/reference.h"

#include <gtest/gtest.h>

namespace twinhub::query {
namespace {

using testing::object;
using testing::plan_of_expression;
using testing::worth;

const json::object& document() {
    static const json::object made = object(R"({
        "deviceId": "d1",
        "lastActivityTime": "2026-03-01T11:30:00.5Z",
        "statusUpdateTime": "0001-01-01T00:00:00Z",
        "tags": {
            "s": "Straße", "t": "true", "e": "", "n": 5, "neg": -7.5, "yes": true, "no": false,
            "nil": null, "o": {"a": 1}, "list": [1, "two", null, true, [3], {"x": 9}],
            "when": "2026-03-01", "geo": {"lat": 52.52, "lon": 13.405},
            "place": {"type": "Point", "coordinates": [13.405, 52.52]},
            "far": {"latitude": 48.8566, "longitude": 2.3522}, "nowhere": {"lat": 95, "lon": 0}}})");
    return made;
}
const Instant now = parse_instant("2026-03-01T12:00:00Z").value();

struct Row {
    const char* expression;
    const char* undefined;            // its worth
    const char* different = nullptr;  // its worth with missingComparesAs different, when it differs
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.expression; }

class Worth : public ::testing::TestWithParam<Row> {};

TEST_P(Worth, IsTheSameForTheReference) {
    const Row& row = GetParam();
    for (const MissingCompares missing : {MissingCompares::undefined, MissingCompares::different}) {
        const char* wanted =
            missing == MissingCompares::different && row.different ? row.different : row.undefined;
        EXPECT_EQ(worth(row.expression, document(), now, missing), wanted);
        const Plan plan = plan_of_expression(row.expression, missing);
        const testing::Maybe referred = testing::value_in(plan, *plan.where, document(), now);
        EXPECT_EQ(referred ? testing::canonical_json(*referred) : "undefined",
                  std::string(wanted) == "undefined"
                      ? "undefined"
                      : testing::canonical_json(testing::value(wanted)));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Comparisons, Worth,
    ::testing::Values(
        Row{"tags.n = 5", "true"}, Row{"tags.n = 5.0", "true"}, Row{"tags.n != 5", "false"},
        Row{"tags.n = '5'", "undefined"}, Row{"tags.n != '5'", "undefined"},
        Row{"tags.n < '5'", "undefined"}, Row{"tags.yes > tags.no", "true"},
        Row{"tags.yes = 1", "undefined"}, Row{"tags.nil = null", "true"},
        Row{"tags.nil != null", "false"}, Row{"tags.nil < null", "undefined"},
        Row{"tags.nil <= null", "undefined"}, Row{"tags.s != null", "undefined"},
        Row{"tags.missing = null", "undefined", "false"},
        Row{"tags.missing = 'x'", "undefined", "false"},
        Row{"tags.missing != 'x'", "undefined", "true"},
        Row{"tags.missing < 1", "undefined", "false"},
        Row{"tags.missing != tags.other", "undefined", "true"},
        Row{"tags.missing = undefined", "undefined", "false"}, Row{"tags.o = tags.o", "undefined"},
        Row{"tags.list != tags.list", "undefined"}, Row{"tags.o = 'a'", "undefined"},
        Row{"tags.s > 'Stra'", "true"}, Row{"tags.s < 'a'", "true"}, Row{"'Z' < 'a'", "true"},
        Row{"'é' > 'z'", "true"}, Row{"tags.s.length = 1", "undefined", "false"},
        Row{"tags.list[1] = 'two'", "true"}, Row{"tags.list[9] = 'two'", "undefined", "false"},
        Row{"tags.list[5].x = 9", "true"}, Row{"tags['o']['a'] = 1", "true"},
        Row{"tags.o[0] = 1", "undefined", "false"}, Row{"tags.list['0'] = 1", "undefined", "false"},
        Row{"tags.n IN [1, 5]", "true"}, Row{"tags.n IN [1, 2]", "false"},
        Row{"tags.n IN ['5']", "undefined"}, Row{"tags.n IN [1, '5']", "undefined"},
        Row{"tags.n IN [5, '5']", "true"}, Row{"tags.n NIN [5, '5']", "false"},
        Row{"tags.n NIN [1, '5']", "undefined"}, Row{"tags.n IN [undefined, 5]", "true"},
        Row{"tags.n NIN [undefined, 4]", "undefined"}, Row{"tags.n IN [ [5], 4]", "undefined"},
        Row{"tags.nil IN [null]", "true"}, Row{"tags.yes IN [false, true]", "true"},
        Row{"tags.missing IN [1]", "undefined", "false"},
        Row{"tags.missing NIN [1]", "undefined", "true"},
        Row{"tags.missing IN [undefined]", "undefined", "false"},
        Row{"tags.o NIN [1]", "undefined"}));

INSTANTIATE_TEST_SUITE_P(
    Times, Worth,
    ::testing::Values(
        Row{"lastActivityTime > '2026-03-01T11:30:00Z'", "true"},
        Row{"lastActivityTime = '2026-03-01T12:30:00.500000000+01:00'", "true"},
        Row{"lastActivityTime IN ['x', '2026-03-01T10:30:00.50-01:00']", "true"},
        Row{"lastActivityTime NIN ['2026-03-01']", "true"},
        Row{"lastActivityTime > '2026-03-01'", "true"},
        Row{"lastActivityTime > 'yesterday'", "false"}, Row{"lastActivityTime > '1'", "true"},
        Row{"'2026-03-02' > lastActivityTime", "true"},
        Row{"statusUpdateTime = '0001-01-01'", "true"},
        Row{"tags.when = '2026-03-01T00:00:00Z'", "false"},
        Row{"tags.when < lastActivityTime", "true"}, Row{"lastActivityTime < NOW()", "true"},
        Row{"NOW()", R"("2026-03-01T12:00:00Z")"}, Row{"AGE_SECONDS(lastActivityTime)", "1799.5"},
        Row{"AGE_SECONDS(tags.when)", "43200.0"},
        Row{"AGE_SECONDS('2026-03-01T12:00:01Z')", "-1.0"}, Row{"AGE_SECONDS(tags.s)", "undefined"},
        Row{"AGE_SECONDS(tags.n)", "undefined"}));

INSTANTIATE_TEST_SUITE_P(
    Logic, Worth,
    ::testing::Values(
        Row{"NOT tags.yes", "false"}, Row{"NOT tags.no", "true"}, Row{"NOT tags.n", "undefined"},
        Row{"NOT tags.missing", "undefined", "true"}, Row{"NOT tags.nil", "undefined"},
        Row{"NOT tags.missing = 1", "undefined", "true"}, Row{"NOT tags.n = 'x'", "undefined"},
        Row{"NOT STARTSWITH(tags.missing, 'x')", "undefined", "true"},
        Row{"tags.yes AND tags.no", "false"}, Row{"tags.yes AND tags.yes", "true"},
        Row{"tags.yes AND tags.n", "undefined"}, Row{"tags.n AND tags.no", "false"},
        Row{"tags.n AND tags.s", "undefined"},
        Row{"tags.missing AND tags.yes", "undefined", "false"}, Row{"tags.yes OR tags.n", "true"},
        Row{"tags.n OR tags.yes", "true"}, Row{"tags.n OR tags.no", "undefined"},
        Row{"tags.no OR tags.no", "false"}, Row{"tags.missing OR tags.no", "undefined", "false"},
        Row{"(tags.n = 5) = true", "true"}, Row{"(tags.n = 'x') = false", "undefined", "false"},
        Row{"(tags.n AND tags.yes) = true", "undefined", "false"},
        Row{"IS_BOOL(tags.n = 5)", "true"}, Row{"IS_BOOL(tags.n = 'x')", "false"}));

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, Worth,
    ::testing::Values(Row{"tags.n + 1", "6.0"}, Row{"tags.n - 1 - 1", "3.0"},
                      Row{"2 - -tags.n", "7.0"}, Row{"tags.n * 2 + 1", "11.0"},
                      Row{"tags.n / 2", "2.5"}, Row{"tags.neg % 2", "-1.5"}, Row{"7 % -4", "3.0"},
                      Row{"tags.n / 0", "undefined"}, Row{"tags.n % 0", "undefined"},
                      Row{"tags.s + 1", "undefined"}, Row{"tags.missing + 1", "undefined"},
                      Row{"tags.yes + 1", "undefined"}, Row{"-tags.s", "undefined"},
                      Row{"+tags.n", "5.0"}, Row{"+tags.s", "undefined"}, Row{"0 * -tags.n", "0.0"},
                      Row{"1e308 * 10", "undefined"}, Row{"tags.nil + 1", "undefined"},
                      Row{"-0", "0.0"}));

INSTANTIATE_TEST_SUITE_P(
    TypeChecks, Worth,
    ::testing::Values(Row{"IS_DEFINED(tags.nil)", "true"}, Row{"IS_DEFINED(tags.missing)", "false"},
                      Row{"IS_DEFINED(tags.s.x)", "false"}, Row{"IS_DEFINED(tags.list[0])", "true"},
                      Row{"IS_DEFINED(tags.list[6])", "false"}, Row{"IS_NULL(tags.nil)", "true"},
                      Row{"IS_NULL(tags.missing)", "false"}, Row{"IS_NULL(null)", "true"},
                      Row{"IS_BOOL(tags.no)", "true"}, Row{"IS_NUMBER(tags.neg)", "true"},
                      Row{"IS_NUMBER(tags.t)", "false"}, Row{"IS_STRING(tags.e)", "true"},
                      Row{"IS_OBJECT(tags.o)", "true"}, Row{"IS_OBJECT(tags.list)", "false"},
                      Row{"IS_ARRAY(tags.list)", "true"}, Row{"IS_ARRAY([1])", "true"},
                      Row{"IS_PRIMITIVE(tags.nil)", "true"}, Row{"IS_PRIMITIVE(tags.o)", "false"},
                      Row{"IS_PRIMITIVE(tags.missing)", "false"}));

INSTANTIATE_TEST_SUITE_P(
    Texts, Worth,
    ::testing::Values(
        Row{"STARTSWITH(tags.s, 'Str')", "true"}, Row{"STARTSWITH(tags.s, 'str')", "false"},
        Row{"STARTSWITH(tags.s, '')", "true"}, Row{"STARTSWITH(tags.n, '5')", "undefined"},
        Row{"ENDSWITH(tags.s, 'ße')", "true"}, Row{"ENDS_WITH(tags.e, 'x')", "false"},
        Row{"CONTAINS(tags.s, 'aß')", "true"}, Row{"CONTAINS(tags.s, 'AS')", "false"},
        Row{"CONTAINS(tags.list, 'two')", "undefined"}, Row{"LOWER(tags.s)", R"("straße")"},
        Row{"UPPER('äéя')", R"("ÄÉЯ")"}, Row{"UPPER(tags.n)", "undefined"},
        Row{"LENGTH(tags.s)", "6.0"}, Row{"LENGTH(tags.list)", "6.0"}, Row{"LENGTH(tags.e)", "0.0"},
        Row{"LENGTH(tags.o)", "undefined"}, Row{"CONCAT(tags.s, '-', tags.t)", R"("Straße-true")"},
        Row{"CONCAT(tags.s, tags.n)", "undefined"}, Row{"SUBSTRING(tags.s, 4)", R"("ße")"},
        Row{"SUBSTRING(tags.s, 1, 3)", R"("tra")"}, Row{"SUBSTRING(tags.s, 9)", R"("")"},
        Row{"SUBSTRING(tags.s, 5, 9)", R"("e")"}, Row{"SUBSTRING(tags.s, -1)", "undefined"},
        Row{"SUBSTRING(tags.s, 1.5)", "undefined"}, Row{"SUBSTRING(tags.s, 1, -1)", "undefined"},
        Row{"SUBSTRING(tags.s, tags.t)", "undefined"}, Row{"INDEX_OF(tags.s, 'e')", "5.0"},
        Row{"INDEX_OF(tags.s, 'x')", "-1.0"}, Row{"INDEX_OF(tags.s, '')", "0.0"},
        Row{"INDEX_OF(tags.n, '')", "undefined"}, Row{"AS_NUMBER('12.5')", "12.5"},
        Row{"AS_NUMBER('-1e3')", "-1000.0"}, Row{"AS_NUMBER('+7')", "7.0"},
        Row{"AS_NUMBER(tags.n)", "5.0"}, Row{"AS_NUMBER(tags.e)", "undefined"},
        Row{"AS_NUMBER('1 ')", "undefined"}, Row{"AS_NUMBER('1.')", "undefined"},
        Row{"AS_NUMBER('.5')", "undefined"}, Row{"AS_NUMBER('0x5')", "undefined"},
        Row{"AS_NUMBER('inf')", "undefined"}, Row{"AS_NUMBER('+-1')", "undefined"},
        Row{"AS_NUMBER('1.e3')", "undefined"}, Row{"AS_NUMBER('1e400')", "undefined"},
        Row{"AS_NUMBER('-1e-400')", "0.0"}, Row{"AS_NUMBER(tags.yes)", "undefined"},
        Row{"REGEX_MATCH(tags.s, '^S.*ß')", "true"}, Row{"REGEX_MATCH(tags.s, 'x')", "false"},
        Row{"REGEX_MATCH(tags.s, '(?i)STRA')", "true"},
        Row{"REGEX_MATCH(tags.n, '5')", "undefined"}));

INSTANTIATE_TEST_SUITE_P(
    Others, Worth,
    ::testing::Values(
        Row{"ARRAY_CONTAINS(tags.list, 'two')", "true"},
        Row{"ARRAY_CONTAINS(tags.list, 1.0)", "true"},
        Row{"ARRAY_CONTAINS(tags.list, '1')", "false"},
        Row{"ARRAY_CONTAINS(tags.list, null)", "true"},
        Row{"ARRAY_CONTAINS(tags.list, tags.missing)", "undefined"},
        Row{"ARRAY_CONTAINS(tags.list, tags.o)", "undefined"},
        Row{"ARRAY_CONTAINS(tags.s, 'two')", "undefined"},
        Row{"ARRAY_CONTAINS(['a', 'd1'], deviceId)", "true"}, Row{"ABS(tags.neg)", "7.5"},
        Row{"EXP(0)", "1.0"}, Row{"EXP(1000)", "undefined"}, Row{"POWER(2, 10)", "1024.0"},
        Row{"POWER(-1, 0.5)", "undefined"}, Row{"POWER(2, tags.s)", "undefined"},
        Row{"SQUARE(tags.neg)", "56.25"}, Row{"CEILING(tags.neg)", "-7.0"},
        Row{"CEILING(-0.5)", "0.0"}, Row{"FLOOR(tags.neg)", "-8.0"}, Row{"SIGN(tags.neg)", "-1.0"},
        Row{"SIGN(0)", "0.0"}, Row{"SQRT(16)", "4.0"}, Row{"SQRT(tags.neg)", "undefined"},
        Row{"ABS(tags.s)", "undefined"}, Row{"GEO_DISTANCE(tags.geo, 52.52, 13.405)", "0.0"},
        Row{"GEO_DISTANCE(tags.far, 52.52, 13.405) > 877000", "true"},
        Row{"GEO_DISTANCE(tags.far, 52.52, 13.405) < 878000", "true"},
        Row{"GEO_DISTANCE(tags.place, 52.52, 13.405) < 0.001", "true"},
        Row{"GEO_DISTANCE(tags.nowhere, 1, 1)", "undefined"},
        Row{"GEO_DISTANCE(tags.s, 1, 1)", "undefined"},
        Row{"GEO_DISTANCE(tags.geo, 95, 1)", "undefined"},
        Row{"GEO_WITHIN(tags.geo, [ [52, 13], [53, 13], [53, 14], [52, 14] ])", "true"},
        Row{"GEO_WITHIN(tags.far, [ [52, 13], [53, 13], [53, 14], [52, 14] ])", "false"},
        Row{"GEO_WITHIN(tags.o, [ [52, 13], [53, 13], [53, 14] ])", "undefined"}));

TEST(Evaluator, BoundsTheTextsThatAreMade) {
    const std::string half(20'000, 'x');
    const json::object big{{"tags", json::object{{"a", half}}}};
    EXPECT_EQ(worth("LENGTH(CONCAT(tags.a, 'y'))", big), "20001.0");
    EXPECT_EQ(worth("LENGTH(CONCAT(tags.a, tags.a))", big), "undefined");
}

TEST(Evaluator, KeepsTheTextsOfOneExpressionApart) {
    EXPECT_EQ(worth("CONCAT(LOWER(tags.s), UPPER(tags.t), CONCAT(tags.s, LOWER('A')))", document()),
              R"("straßeTRUEStraßea")");
}

}  // namespace
}  // namespace twinhub::query

#include "query/route_condition.h"

#include "base/json.h"
#include "query/testing/expressions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace twinhub::query {
namespace {

using testing::object;
using testing::value;

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr Instant now{std::chrono::seconds{1'772'366'400}};

// A message as the documentation of routes shows one.
struct Message {
    Pairs system{
        {"contentType", "application/json"},         {"contentEncoding", "UTF-8"},
        {"connectionDeviceId", "chiller-01"},        {"enqueuedTime", "2026-03-01T11:30:00.5Z"},
        {"iothub-message-source", "deviceMessages"}, {"dt-subject", "thermostat"}};
    Pairs application{{"processingPath", "hot"}, {"severity", "3"},  {"my-flag", "true"},
                      {"$odd", "here"},          {"twice", "first"}, {"Twice", "last"}};
    json::value body = value(R"({"Weather":{"Temperature":50,"IsEnabled":true,"Location":
        {"State":"WA"},"HistoricalData":[{"Month":"Feb"},{"Month":"Jan"}],
        "Time":"2017-03-09T00:00:00.000Z"},"big":9007199254740993,"same":1,"SAME":2,
        "odd-key":7,"null":null})");
    json::object twin = object(R"({"tags":{"deploymentLocation":{"floor":"1"}},
        "properties":{"desired":{"telemetryConfig":{"sendFrequency":"5m"},"$version":1},
                      "reported":{"batteryLevel":55}}})");

    RoutedMessage view() const {
        return {.system = system, .application = application, .body = &body, .twin = &twin};
    }
};

struct Row {
    const char* text;
    Truth truth;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.text; }

class RouteConditions : public ::testing::TestWithParam<Row> {};

TEST_P(RouteConditions, AreJudged) {
    const auto condition = RouteCondition::compile(GetParam().text);
    ASSERT_TRUE(condition) << condition.error().message;
    const Message message;
    EXPECT_EQ(condition->judge(message.view(), now), GetParam().truth);
}

constexpr Truth yes = Truth::yes, no = Truth::no, undefined = Truth::undefined;

INSTANTIATE_TEST_SUITE_P(
    Roots, RouteConditions,
    ::testing::Values(Row{"", yes}, Row{" ", yes}, Row{"true", yes}, Row{"*", yes},
                      Row{"false", no}, Row{"processingPath = 'hot'", yes},
                      Row{"PROCESSINGPATH = 'hot'", yes}, Row{"processingPath = 'HOT'", no},
                      Row{"severity = 3", undefined}, Row{"as_number(severity) >= 3", yes},
                      Row{"missing = 'x'", undefined}, Row{"NOT missing = 'x'", undefined},
                      Row{"is_defined(missing)", no},
                      Row{"$contentEncoding = 'UTF-8' AND processingPath = 'hot'", yes},
                      Row{"$CONNECTIONDEVICEID = 'chiller-01'", yes},
                      Row{"contentType = 'x'", undefined}, Row{"$odd = 'here'", yes},
                      Row{"$missing = 'x'", undefined}, Row{"twice = 'last'", yes},
                      Row{"processingPath.inner = 'hot'", undefined}, Row{"my-flag = 'true'", yes},
                      Row{"$dt-subject = 'thermostat'", yes},
                      Row{"$iothub-message-source = 'deviceMessages'", yes},
                      Row{"as_number(severity) - 1 = 2", yes}, Row{"[[my-flag]] = 'true'", yes},
                      Row{"$enqueuedTime > '2026-03-01T11:30:00Z'", yes},
                      Row{"$enqueuedTime < '2026-03-01T11:30:01Z'", yes}));

INSTANTIATE_TEST_SUITE_P(
    Bodies, RouteConditions,
    ::testing::Values(Row{"$body.Weather.HistoricalData[0].Month = 'Feb'", yes},
                      Row{"$body.weather.historicaldata[0].month = 'Feb'", yes},
                      Row{"$body.Weather.HistoricalData[2].Month = 'Feb'", undefined},
                      Row{"$body.Weather.Temperature = 50 AND $body.Weather.IsEnabled", yes},
                      Row{"$BODY.Weather.Temperature = 50 AND processingPath = 'hot'", yes},
                      Row{"length($body.Weather.Location.State) = 2", yes},
                      Row{"length($body.Weather.HistoricalData) > 1", yes},
                      Row{"$body.Weather.Temperature", undefined}, Row{"$body.same = 1", yes},
                      Row{"$body.SAME = 2", yes}, Row{"$body.odd-key = 7", yes},
                      Row{"$body.[[odd-key]] = 7", yes}, Row{"is_null($body.[[null]])", yes},
                      Row{"is_object($body.Weather)", yes}, Row{"is_object($body)", yes},
                      Row{"is_defined($body.Weather.Wind)", no},
                      Row{"$body[0] = 'Feb'", undefined}));

INSTANTIATE_TEST_SUITE_P(
    Twins, RouteConditions,
    ::testing::Values(Row{"$twin.properties.desired.telemetryConfig.sendFrequency = '5m'", yes},
                      Row{"$twin.Properties.DESIRED.telemetryconfig.sendfrequency = '5m'", yes},
                      Row{"$twin.tags.deploymentLocation.floor = '1'", yes},
                      Row{"$twin.tags.deploymentLocation.floor = 1", undefined},
                      Row{"$body.Weather.Temperature = $twin.properties.reported.batteryLevel - 5",
                          yes},
                      Row{"is_defined($twin)", yes}, Row{"$twin.tags.site = 'x'", undefined}));

// Spec query-language 8: the full list of functions.
INSTANTIATE_TEST_SUITE_P(
    Functions, RouteConditions,
    ::testing::Values(
        Row{"abs(0 - 5) = 5", yes}, Row{"exp(0) = 1", yes}, Row{"power(2, 3) = 8", yes},
        Row{"square(3) = 9", yes}, Row{"ceiling(1.2) = 2", yes}, Row{"floor(1.8) = 1", yes},
        Row{"sign(-4) = -1", yes}, Row{"sqrt(9) = 3", yes}, Row{"AS_NUMBER(severity) = 3", yes},
        Row{"is_array($body.Weather.HistoricalData)", yes},
        Row{"is_bool($body.Weather.IsEnabled)", yes},
        Row{"is_number($body.Weather.Temperature)", yes}, Row{"is_primitive(severity)", yes},
        Row{"is_string(severity)", yes}, Row{"concat(processingPath, severity) = 'hot3'", yes},
        Row{"lower('ABC') = 'abc'", yes}, Row{"upper(processingPath) = 'HOT'", yes},
        Row{"substring(processingPath, 1, 2) = 'ot'", yes},
        Row{"index_of(processingPath, 't') = 2", yes},
        Row{"starts_with(processingPath, 'ho')", yes}, Row{"ends_with(processingPath, 'ot')", yes},
        Row{"startswith($connectionDeviceId, 'chill')", yes},
        Row{"contains(processingPath, 'o')", yes},
        Row{"array_contains($body.Weather.HistoricalData, 'x')", no},
        Row{"regex_match($connectionDeviceId, '^ch.*01$')", yes},
        Row{"age_seconds($enqueuedTime) > 1000", yes}));

TEST(RouteCondition, ReadsNothingFromABodyThatIsNoJson) {
    Message message;
    RoutedMessage view = message.view();
    view.body = nullptr;
    view.twin = nullptr;
    for (const char* text : {"$body.Weather.Temperature = 50", "$twin.tags.x = 1"})
        EXPECT_EQ(RouteCondition::compile(text)->judge(view, now), Truth::undefined) << text;
    EXPECT_EQ(RouteCondition::compile("is_defined($twin)")->judge(view, now), Truth::no);
}

TEST(RouteCondition, KnowsWhatItReads) {
    const auto reads = [](const char* text) { return RouteCondition::compile(text)->reads(); };
    EXPECT_FALSE(reads("opType = 'updateTwin'").body);
    EXPECT_TRUE(reads("$BODY.a = 1").body);
    EXPECT_FALSE(reads("$body.a = 1").twin);
    EXPECT_TRUE(reads("a = '1' OR $Twin.tags.a = 1").twin);
    EXPECT_FALSE(reads("").twin);
}

struct Wrong {
    const char* text;
    ErrorKind kind;
    const char* near;
};
void PrintTo(const Wrong& row, std::ostream* out) { *out << row.text; }

class WrongRoutes : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongRoutes, AreRefusedWithTheirPlace) {
    const auto condition = RouteCondition::compile(GetParam().text);
    ASSERT_FALSE(condition);
    EXPECT_EQ(to_text(condition.error().kind), to_text(GetParam().kind));
    EXPECT_EQ(condition.error().near, GetParam().near);
}

INSTANTIATE_TEST_SUITE_P(
    Conditions, WrongRoutes,
    ::testing::Values(Wrong{"a =", ErrorKind::syntax, ""},
                      Wrong{"a == 1", ErrorKind::syntax, "== 1"},
                      Wrong{"FROM devices WHERE a = 1", ErrorKind::unsupported_clause,
                            "FROM devices WHERE a = 1"},
                      Wrong{"wat(a)", ErrorKind::unsupported_function, "wat(a)"},
                      Wrong{"drift_state() = 'drifted'", ErrorKind::unsupported_function,
                            "drift_state() = 'drifted"},
                      Wrong{"a = [1]", ErrorKind::type_error, "[1]"},
                      Wrong{"$body.group = 1", ErrorKind::syntax, "group = 1"}));

TEST(RouteProjection, TakesMembersByTheirLastNames) {
    const auto projection = RouteProjection::compile(
        "$body.Weather.Temperature, $twin.tags.deploymentLocation.floor AS level, processingPath, "
        "$connectionDeviceId AS device, $body.Weather.HistoricalData[1], $body.big, missing");
    ASSERT_TRUE(projection) << projection.error().message;
    const Message message;
    EXPECT_EQ(json::value(projection->apply(message.view())),
              value(R"({"Temperature":50,"level":"1","processingPath":"hot","device":"chiller-01",
                        "$1":{"Month":"Jan"},"big":9007199254740993})"));
    EXPECT_TRUE(projection->reads().twin);
}

TEST(RouteProjection, SaysWhatIsWrongWhereItStands) {
    const auto error = [](const char* text) { return RouteProjection::compile(text).error(); };
    EXPECT_EQ(error("a, a").kind, ErrorKind::duplicate_column);
    EXPECT_EQ(error("a, a").column, 4u);
    EXPECT_EQ(error("a, count()").offset, 3u);
    EXPECT_EQ(error("*").kind, ErrorKind::invalid_projection);
    EXPECT_EQ(error("").kind, ErrorKind::syntax);
    EXPECT_EQ(error("a FROM devices WHERE b = 1").kind, ErrorKind::syntax);
    EXPECT_EQ(error("TOP 1 a").kind, ErrorKind::invalid_projection);
}

}  // namespace
}  // namespace twinhub::query

#include "query/time_text.h"

#include "query/testing/reference_values.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::query {
namespace {

TEST(TimeText, ReadsTheFormsOfTheLanguage) {
    const TimePoint noon{1772366400, 0};  // 2026-03-01T12:00:00Z
    for (const char* text : {"2026-03-01T12:00:00Z", "2026-03-01T12:00", "2026-03-01T12:00:00.000",
                             "2026-03-01T14:30:00+02:30", "2026-02-28T23:00-13:00"})
        EXPECT_EQ(parse_time(text), noon) << text;
    EXPECT_EQ(parse_time("1970-01-02"), (TimePoint{86400, 0}));
    EXPECT_EQ(parse_time("1970-01-01Z"), (TimePoint{0, 0}));
    EXPECT_EQ(parse_time("1970-01-01T00:00:00.123456789Z"), (TimePoint{0, 123456789}));
    EXPECT_EQ(parse_time("1969-12-31T23:59:59.5Z"), (TimePoint{-1, 500000000}));
    EXPECT_EQ(parse_time("0001-01-01T00:00:00"), time_point(never));
    EXPECT_TRUE(parse_time("2024-02-29"));
}

TEST(TimeText, RefusesEverythingElse) {
    for (const char* text : {"",
                             "2026",
                             "2026-03",
                             "2026-3-1",
                             "2026-13-01",
                             "2026-02-29",
                             "2026-00-10",
                             "2026-03-00",
                             "2026-03-01T",
                             "2026-03-01T12",
                             "2026-03-01T12:60",
                             "2026-03-01T24:00",
                             "2026-03-01 12:00",
                             "2026-03-01t12:00",
                             "2026-03-01T12:00z",
                             "2026-03-01T12:00:60",
                             "2026-03-01T12:00:00.",
                             "2026-03-01T12:00:00.1234567890",
                             "2026-03-01T12:00+01",
                             "2026-03-01T12:00+0100",
                             "2026-03-01T12:00ZZ",
                             "2026-03-01T12:00+24:00",
                             " 2026-03-01",
                             "2026-03-01 ",
                             "yesterday"})
        EXPECT_EQ(parse_time(text), std::nullopt) << text;
}

TEST(TimeText, ReadsHowLongAgo) {
    EXPECT_EQ(parse_time_ago("-PT1H"), std::chrono::hours{1});
    EXPECT_EQ(parse_time_ago("-P1DT2H3M4S"), std::chrono::seconds{93784});
    EXPECT_EQ(parse_time_ago("-P7D"), std::chrono::days{7});
    EXPECT_EQ(parse_time_ago("-PT90M"), std::chrono::minutes{90});
    for (const char* text : {"", "-", "-P", "-PT", "PT1H", "-PT1D", "-P1H", "-P1Y", "-PT1M1H",
                             "-PT1.5S", "-P1DT", "-PT1H ", "-P999999999D", "-PTT1H", "-PT1HT1M"})
        EXPECT_EQ(parse_time_ago(text), std::nullopt) << text;
}

TEST(TimeText, MeasuresBetweenTimes) {
    EXPECT_EQ(seconds_between({10, 500000000}, {12, 0}), 1.5);
    EXPECT_DOUBLE_EQ(seconds_between(time_point(Instant{Ticks{-5}}), {0, 0}), 5e-7);
}

RC_GTEST_PROP(TimeText, AgreesWithTheReference, ()) {
    // Digits and marks where they often stand.
    std::string text = "2026-03-01T12:34:56.789+01:30";
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
        text[at] = *rc::gen::element('0', '1', '2', '3', '9', '-', ':', 'T', 'Z', '+', '.');
    }
    text.resize(*rc::gen::inRange<std::size_t>(0, text.size() + 1));
    const auto ours = parse_time(text);
    const auto theirs = testing::nanoseconds_of(text);
    RC_ASSERT(ours.has_value() == theirs.has_value());
    if (ours)
        RC_ASSERT(static_cast<__int128>(ours->seconds) * 1'000'000'000 + ours->nanoseconds ==
                  *theirs);
}

}  // namespace
}  // namespace twinhub::query

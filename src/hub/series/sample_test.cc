#include "hub/series/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

SeriesCounts counts(std::uint64_t converged, std::uint64_t connected, std::uint64_t connects) {
    SeriesCounts made;
    made.states[index_of(twin::drift::State::converged)] = converged;
    made.connected = connected;
    made.connects = connects;
    return made;
}

SeriesSample any_sample() {
    const auto any = [] {
        return counts(*rc::gen::inRange<std::uint64_t>(0, 3),
                      *rc::gen::inRange<std::uint64_t>(0, 3),
                      *rc::gen::inRange<std::uint64_t>(0, 3));
    };
    SeriesSample sample{.all = any(), .groups = {}, .rest = any(), .missing = any()};
    for (const char* key : {"\"a\"", "\"b\"", "1", "true"})
        if (const SeriesCounts some = any(); !some.empty()) sample.groups.push_back({key, some});
    std::ranges::sort(sample.groups, {}, &SeriesSample::Group::key);
    return sample;
}

TEST(SeriesSamples, HoldHowItStandsAndAddWhatHappens) {
    SeriesSample hour{.all = counts(5, 4, 3),
                      .groups = {{"\"a\"", counts(1, 1, 1)}, {"\"b\"", counts(4, 3, 0)}},
                      .rest = {},
                      .missing = counts(0, 0, 2)};
    hour.follow({.all = counts(6, 2, 10),
                 .groups = {{"\"b\"", counts(1, 0, 2)}, {"\"c\"", counts(5, 2, 0)}},
                 .rest = {},
                 .missing = {}});
    EXPECT_EQ(hour.all, counts(6, 2, 13));
    EXPECT_THAT(hour.groups, ElementsAre(SeriesSample::Group{"\"a\"", counts(0, 0, 1)},
                                         SeriesSample::Group{"\"b\"", counts(1, 0, 2)},
                                         SeriesSample::Group{"\"c\"", counts(5, 2, 0)}));
    EXPECT_EQ(hour.missing, counts(0, 0, 2));
}

RC_GTEST_PROP(SeriesSamples, ComeToTheSameInHoweverManySteps, ()) {
    std::vector<SeriesSample> minutes;
    for (int i = 0; i < 12; ++i) minutes.push_back(any_sample());
    SeriesSample at_once;
    for (const SeriesSample& minute : minutes) at_once.follow(minute);
    SeriesSample in_steps;
    const auto size = *rc::gen::inRange<std::size_t>(1, 6);
    for (std::size_t i = 0; i < minutes.size(); i += size) {
        SeriesSample step;
        for (std::size_t k = i; k < std::min(i + size, minutes.size()); ++k)
            step.follow(minutes[k]);
        in_steps.follow(step);
    }
    RC_ASSERT(in_steps == at_once);
}

RC_GTEST_PROP(SeriesSamples, ComeBackFromTheStoreAsTheyWere, ()) {
    const SeriesSample sample = any_sample();
    const auto level = *rc::gen::element(SeriesLevel::minute, SeriesLevel::hour);
    const auto number = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000);
    const std::string key = series_key(level, "tags.site", number);
    RC_ASSERT(open_sample(key, sealed_sample(key, sample)).value() == sample);
    const SeriesKey parsed = parse_series_key(key).value();
    RC_ASSERT(parsed.level == level);
    RC_ASSERT(parsed.by == "tags.site");
    RC_ASSERT(parsed.number == number);
}

// Part of the disk format.
TEST(SeriesSamples, AreStoredLikeThis) {
    const std::string key = series_key(SeriesLevel::hour, "tags.a", 0x0102);
    EXPECT_EQ(key, std::string("yhtags.a\0\0\0\0\0\0\0\1\2", 17));
    SeriesSample sample;
    sample.groups.push_back({"1", counts(2, 1, 300)});
    const std::string value = sealed_sample(key, sample);
    EXPECT_EQ(value.substr(12), std::string(27, '\0') + std::string("\1\1"
                                                                    "1\0\2\0\0\0\0\0\1\xac\2",
                                                                    13));
}

TEST(SeriesSamples, ThatAreDamagedAreNamed) {
    const std::string key = series_key(SeriesLevel::minute, "", 7);
    std::string value = sealed_sample(key, {});
    value[13] = 'x';
    EXPECT_EQ(open_sample(key, value).error().code, Code::corrupted);
    EXPECT_EQ(parse_series_key("ym").error().code, Code::corrupted);
    EXPECT_EQ(parse_series_key("yxaaaaaaaaaaaaaa").error().code, Code::corrupted);
}

TEST(SeriesSamples, AreNumberedByTheirBegin) {
    const Instant epoch{};
    EXPECT_EQ(series_number(SeriesLevel::minute, epoch + 59s), 0);
    EXPECT_EQ(series_number(SeriesLevel::minute, epoch + 60s), 1);
    EXPECT_EQ(series_number(SeriesLevel::hour, epoch + 119min), 1);
    EXPECT_EQ(series_number(SeriesLevel::hour, epoch - 1s), -1);
    EXPECT_EQ(series_number(SeriesLevel::minute, epoch - 61s), -2);
}

}  // namespace
}  // namespace twinhub::hub

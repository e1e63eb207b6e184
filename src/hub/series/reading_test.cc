#include "hub/series/reading.h"

#include "hub/series/series_names.h"
#include "hub/series/settings.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::minutes;

const Instant noon = std::chrono::sys_days{std::chrono::year{2026} / 3 / 1} + 12h + 30s;

struct StepCase {
    minutes window, step;
    SeriesLevel level;
    std::int64_t steps;
};

TEST(SeriesReading, TakesAboutAHundredPoints) {
    for (const StepCase& one : {StepCase{1min, 1min, SeriesLevel::minute, 1},
                                StepCase{120min, 1min, SeriesLevel::minute, 120},
                                StepCase{360min, 5min, SeriesLevel::minute, 72},
                                StepCase{days{1}, 15min, SeriesLevel::minute, 96},
                                StepCase{days{7}, 180min, SeriesLevel::hour, 56},
                                StepCase{days{8}, 180min, SeriesLevel::hour, 64},
                                StepCase{days{400}, days{7}, SeriesLevel::hour, 58}}) {
        const auto reading = reading_of(one.window, std::nullopt, noon, 2000);
        ASSERT_TRUE(reading);
        EXPECT_EQ(reading->step, one.step) << one.window.count();
        EXPECT_EQ(reading->level, one.level) << one.window.count();
        EXPECT_EQ(reading->steps, one.steps) << one.window.count();
        EXPECT_LE(reading->from(), noon - one.window);
        EXPECT_EQ(reading->until(), noon - 30s);
    }
}

TEST(SeriesReading, CoversItsStepsAndNothingElse) {
    const SeriesReading reading = reading_of(60min, 5min, noon + 3min, 2000).value();
    EXPECT_EQ(reading.from(), noon - 30s - 60min);
    EXPECT_EQ(reading.steps, 13);  // the last one is not over
    EXPECT_EQ(reading.step_of(reading.first()), 0u);
    EXPECT_EQ(reading.step_of(reading.first() + 4), 0u);
    EXPECT_EQ(reading.step_of(reading.first() + 5), 1u);
    EXPECT_EQ(reading.step_of(reading.last()), 12u);
}

TEST(SeriesReading, RefusesStepsThatNothingIsKeptFor) {
    EXPECT_FALSE(reading_of(60min, 0min, noon, 2000));
    EXPECT_FALSE(reading_of(days{8}, 90min, noon, 2000));
    EXPECT_TRUE(reading_of(days{8}, 120min, noon, 2000));
    EXPECT_FALSE(reading_of(days{7}, 1min, noon, 2000));
    EXPECT_EQ(reading_of(60min, 0min, noon, 2000).error().where, "step");
}

struct ConditionCase {
    std::string_view where, path, key;
};

TEST(SeriesConditions, AreAPathAndAValue) {
    for (const ConditionCase& one :
         {ConditionCase{"tags.site = 'north'", "tags.site", "\"north\""},
          ConditionCase{"'north' = tags.site", "tags.site", "\"north\""},
          ConditionCase{"tags.[[odd-key]] = 3", "tags.odd-key", "3"},
          ConditionCase{"tags.n = 1.5", "tags.n", "1.5"},
          ConditionCase{"properties.reported.fw = true", "properties.reported.fw", "true"}}) {
        const auto condition = series_condition(one.where);
        ASSERT_TRUE(condition) << one.where;
        EXPECT_EQ(condition->path.text, one.path);
        EXPECT_EQ(condition->key, one.key);
    }
    for (const char* wrong : {"tags.site != 'north'", "tags.site = tags.other",
                              "tags.site = 'a' OR tags.site = 'b'", "deviceId = 'a'", "tags.site",
                              "tags.site = 'a' LIMIT 3", "((", "1 = 1", "tags.a[0] = 'x'"}) {
        const auto condition = series_condition(wrong);
        ASSERT_FALSE(condition) << wrong;
        EXPECT_EQ(condition.error().code, Code::argument_invalid);
        EXPECT_NE(condition.error().message.find("drift.series_by"), std::string::npos);
    }
}

TEST(SeriesPaths, LieBelowTagsAndProperties) {
    EXPECT_EQ(SeriesPath::parse("tags.site")->text, "tags.site");
    EXPECT_EQ(SeriesPath::parse("tags.[[site]]"), SeriesPath::parse("tags.site"));
    EXPECT_EQ(SeriesPath::parse("reported.hw.rev")->text, "properties.reported.hw.rev");
    EXPECT_EQ(SeriesPath::parse("desired.mode")->part, SeriesPath::Part::desired);
    for (const char* wrong :
         {"", "tags", "deviceId", "properties.reported", "tags.a[1]", "COUNT()",
          "tags.a FROM devices WHERE 1", "$drift.state", "properties.reported.$version"})
        EXPECT_FALSE(SeriesPath::parse(wrong)) << wrong;
}

TEST(SeriesNames, GiveTheFirstValuesGroupsAndPutTheOthersTogether) {
    SeriesNames names({SeriesPath::parse("tags.n").value()});
    names.keep(0, "\"kept\"");
    EXPECT_EQ(names.group_of(0, query::Value::string("kept")), SeriesNames::named);
    EXPECT_EQ(names.group_of(0, query::Value()), SeriesNames::missing);
    EXPECT_EQ(names.group_of(0, query::Value::object_mark()), SeriesNames::rest);
    EXPECT_EQ(names.group_of(0, query::Value::string(std::string(300, 'x'))), SeriesNames::rest);
    for (std::size_t i = 1; i < series_values_max; ++i)
        EXPECT_EQ(names.group_of(0, query::Value::number(static_cast<double>(i))),
                  SeriesNames::named + i);
    EXPECT_EQ(names.group_of(0, query::Value::boolean(true)), SeriesNames::rest);
    EXPECT_EQ(names.group_of(0, query::Value::number(5)), SeriesNames::named + 5);
    EXPECT_EQ(names.names(0).size(), series_values_max);
}

TEST(SeriesLines, DoNotKnowWhatMayBeInTheRemainder) {
    SeriesCounts one;
    one.connected = 1;
    one.states[1] = 1;
    SeriesSample named{.all = {}, .groups = {{"1", one}}, .rest = {}, .missing = {}};
    SeriesSample without;
    SeriesSample with_rest{.all = {}, .groups = {}, .rest = one, .missing = {}};
    const auto line = line_of({named, without, with_rest, std::nullopt}, "1");
    EXPECT_EQ(line.at(0), one);
    EXPECT_EQ(line.at(1), SeriesCounts{});
    EXPECT_EQ(line.at(2), std::nullopt);
    EXPECT_EQ(line.at(3), std::nullopt);
}

}  // namespace
}  // namespace twinhub::hub

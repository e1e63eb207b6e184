#include "apps/simulate/behaviour.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace twinhub::apps {
namespace {

json::object parse(std::string_view text) { return parse_json(text).value().get_object(); }

std::int64_t code_of(const json::object& report, std::string_view name) {
    return report.at(name).get_object().at("ac").get_int64();
}

TEST(Sensor, AcknowledgesWhatItApplied) {
    Sensor sensor(Character::prompt, 1);
    EXPECT_TRUE(sensor.want(parse(R"({"firmware":"2.0.0","setpoint":24,"$version":5})")));
    EXPECT_FALSE(sensor.begin());
    const json::object report = sensor.apply();
    EXPECT_EQ(to_text(report.at("firmware")),
              R"({"value":"2.0.0","ac":200,"av":5,"ad":"applied"})");
    EXPECT_EQ(to_text(report.at("setpoint")), R"({"value":24,"ac":200,"av":5,"ad":"applied"})");
    EXPECT_TRUE(report.contains("calibration"));
    EXPECT_TRUE(sensor.apply().empty());
}

TEST(Sensor, DropsANotificationThatItKnowsAlready) {
    Sensor sensor(Character::prompt, 1);
    EXPECT_TRUE(
        sensor.load(parse(R"({"desired":{"mode":"eco","$version":7},"reported":{"$version":1}})")));
    EXPECT_FALSE(sensor.want(parse(R"({"mode":"auto","$version":7})")));
    EXPECT_FALSE(sensor.want(parse(R"({"mode":"auto"})")));
    EXPECT_EQ(sensor.apply().at("mode").get_object().at("value"), "eco");
}

TEST(Sensor, AppliesOnlyTheNewestOfSeveralWishes) {
    Sensor sensor(Character::prompt, 1);
    sensor.want(parse(R"({"setpoint":20,"mode":"eco","$version":2})"));
    sensor.want(parse(R"({"setpoint":25,"mode":null,"$version":3})"));
    const json::object report = sensor.apply();
    EXPECT_EQ(to_text(report.at("setpoint")), R"({"value":25,"ac":200,"av":3,"ad":"applied"})");
    EXPECT_FALSE(report.contains("mode"));
}

TEST(Sensor, RefusesWithACodeAndWordsAndKeepsWhatItHas) {
    Sensor sensor(Character::refusing, 1);
    sensor.load(parse(
        R"({"desired":{"firmware":"2.0.0","setpoint":90,"$version":4},"reported":{"firmware":{"value":"1.0.0"},"$version":2}})"));
    const json::object report = sensor.apply();
    EXPECT_EQ(to_text(report.at("firmware")),
              R"({"value":"1.0.0","ac":400,"av":4,"ad":"not enough flash memory on this board"})");
    EXPECT_EQ(code_of(report, "setpoint"), 400);
    EXPECT_EQ(report.at("setpoint").get_object().at("value"), 21);
    EXPECT_EQ(sensor.refused(), 2u);
}

TEST(Sensor, ALateOneSaysThatItIsUnderWay) {
    Sensor sensor(Character::late, 1);
    sensor.want(parse(R"({"mode":"eco","$version":3})"));
    const auto report = sensor.begin();
    ASSERT_TRUE(report);
    EXPECT_EQ(to_text(report->at("mode")),
              R"({"value":"auto","ac":202,"av":3,"ad":"in progress"})");
    EXPECT_EQ(code_of(sensor.apply(), "mode"), 200);
}

TEST(Characters, ComeInTheirSharesAndTheSameForASeed) {
    const Shares shares{.late = 0.2, .offline = 0.3, .refuse = 0.1};
    std::map<Character, int> count;
    for (std::size_t i = 0; i < 4000; ++i) {
        ++count[character_of(i, shares, 9)];
        EXPECT_EQ(character_of(i, shares, 9), character_of(i, shares, 9));
    }
    EXPECT_NEAR(count[Character::late], 800, 120);
    EXPECT_NEAR(count[Character::wandering], 1200, 120);
    EXPECT_NEAR(count[Character::refusing], 400, 120);
}

}  // namespace
}  // namespace twinhub::apps

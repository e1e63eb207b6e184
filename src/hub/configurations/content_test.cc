#include "hub/configurations/content.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

Result<Content> read(std::string_view text) {
    return parse_content(parse_json(text).value().get_object());
}

TEST(ConfigurationContent, NamesThePlacesOfDesiredProperties) {
    const auto content = read(R"({"deviceContent":{
        "properties.desired.fan.speed":3,"properties.desired.led":{"on":true},
        "properties.desired.old":null}})");
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(content->kind, ContentKind::device);
    const TwinSettings expected{
        {{"fan", "speed"}, 3}, {{"led"}, json::object{{"on", true}}}, {{"old"}, nullptr}};
    EXPECT_EQ(content->settings, expected);
    EXPECT_EQ(place_of(content->settings[0]), "properties.desired.fan.speed");
}

TEST(ConfigurationContent, MayBeAllOfTheDesiredProperties) {
    const auto content = read(R"({"moduleContent":{"properties.desired":{"a":1}}})");
    ASSERT_TRUE(content);
    EXPECT_EQ(content->kind, ContentKind::module);
    EXPECT_TRUE(content->settings.at(0).keys.empty());
}

struct Wrong {
    const char* text;
    const char* where;
};

TEST(ConfigurationContent, IsRefusedWithThePathOfWhatIsWrong) {
    for (const Wrong& wrong : {
             Wrong{R"({})", "content"},
             Wrong{R"({"deviceContent":null})", "content"},
             Wrong{R"({"deviceContent":{},"moduleContent":{}})", "content"},
             Wrong{R"({"deviceContent":7})", "content.deviceContent"},
             Wrong{R"({"deviceContent":{"tags.x":1}})", "content.deviceContent"},
             Wrong{R"({"deviceContent":{"properties.desiredx":1}})", "content.deviceContent"},
             Wrong{R"({"deviceContent":{"properties.desired.":1}})", "content.deviceContent"},
             Wrong{R"({"deviceContent":{"properties.desired.a..b":1}})", "content.deviceContent"},
             Wrong{R"({"deviceContent":{"properties.reported.a":1}})", "content.deviceContent"},
             Wrong{R"({"deviceContent":{"properties.desired":1}})",
                   "content.deviceContent.properties.desired"},
             Wrong{R"({"deviceContent":{"properties.desired.a":[null]}})",
                   "content.deviceContent.properties.desired.a[0]"},
             Wrong{R"({"deviceContent":{"properties.desired.a":{"$x":1}}})",
                   "content.deviceContent.properties.desired.a"},
             Wrong{R"({"modulesContent":{"m":{}}})", "content.modulesContent"},
             Wrong{R"({"modulesContent":{"$edgeAgent":{"tags.a":1}}})",
                   "content.modulesContent.$edgeAgent"},
         }) {
        const auto content = read(wrong.text);
        ASSERT_FALSE(content) << wrong.text;
        EXPECT_EQ(content.error().code, Code::configuration_content_invalid);
        EXPECT_EQ(content.error().where, wrong.where) << wrong.text;
    }
}

TEST(ConfigurationContent, ThatNoTwinHasRoomForIsRefused) {
    json::object values;
    for (int i = 0; i < 10; ++i)
        values["properties.desired.k" + std::to_string(i)] = std::string(4000, 'x');
    EXPECT_FALSE(parse_content(json::object{{"deviceContent", values}}));
}

TEST(ConfigurationContent, OfADeploymentNamesTheModulesThatItNeeds) {
    const auto content = read(R"({"modulesContent":{
        "$edgeAgent":{"properties.desired":{"modules":{"filter":{"status":"running"}}}},
        "$edgeHub":{"properties.desired":{"routes":{}}},
        "sensor":{"properties.desired.rate":5}}})");
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_FALSE(content->is_layered());
    const std::vector<std::string> needed{"$edgeAgent", "$edgeHub", "filter", "sensor"};
    EXPECT_EQ(content->module_ids(), needed);
}

TEST(ConfigurationContent, OfALayerNamesDeeperPlacesOfTheAgent) {
    const auto content = read(R"({"modulesContent":{
        "$edgeAgent":{"properties.desired.modules.extra":{"status":"running"}}}})");
    ASSERT_TRUE(content);
    EXPECT_TRUE(content->is_layered());
    const std::vector<std::string> needed{"$edgeAgent", "extra"};
    EXPECT_EQ(content->module_ids(), needed);
}

TEST(ConfigurationContent, PlacesOverlapWhenOneIsTheOtherOrAboveIt) {
    EXPECT_TRUE(overlap({"a"}, {"a"}));
    EXPECT_TRUE(overlap({"a"}, {"a", "b"}));
    EXPECT_TRUE(overlap({"a", "b"}, {}));
    EXPECT_FALSE(overlap({"a"}, {"ab"}));
    EXPECT_FALSE(overlap({"a", "b"}, {"a", "c"}));
}

}  // namespace
}  // namespace twinhub::hub

#include "requests.h"

#include <gtest/gtest.h>

namespace twinhub::load {
namespace {

std::string written(std::string_view text, std::string_view device, std::uint32_t request) {
    std::string out;
    TopicTemplate(text).append(out, device, request);
    return out;
}

TEST(TopicTemplate, PutsTheDeviceAndTheRequestInTheirPlaces) {
    EXPECT_EQ(written("twin/{id}/PATCH/{rid}", "load-7", 42), "twin/load-7/PATCH/42");
    EXPECT_EQ(written("$iothub/twin/GET/?$rid={rid}", "load-7", 1), "$iothub/twin/GET/?$rid=1");
}

TEST(TopicTemplate, KeepsOtherBraces) {
    EXPECT_EQ(written("a{x}{", "load-7", 1), "a{x}{");
    EXPECT_EQ(written("", "load-7", 1), "");
}

struct Read {
    std::string_view topic;
    std::optional<Answer> answer;
};

TEST(ParseAnswer, ReadsTheTopicsOfTheHubAndOfTheBridge) {
    const Read table[] = {
        {"$iothub/twin/res/204/?$rid=17&$version=6", Answer{17, 204, 6}},
        {"$iothub/twin/res/200/?$rid=17", Answer{17, 200, 0}},
        {"$iothub/twin/res/429/?$rid=65535", Answer{65535, 429, 0}},
        {"twin/load-7/res/204/9", Answer{9, 204, 0}},
        {"$iothub/twin/PATCH/properties/desired/?$version=3", std::nullopt},
        {"$iothub/twin/res/ok/?$rid=1", std::nullopt},
        {"twin", std::nullopt},
        {"/", std::nullopt},
        {"", std::nullopt},
    };
    for (const Read& row : table) EXPECT_EQ(parse_answer(row.topic), row.answer) << row.topic;
}

TEST(PatchBody, IsAnObjectOfTwoFields) {
    EXPECT_EQ(patch_body(0), R"({"battery":0,"temperature":15.0})");
    EXPECT_EQ(patch_body(203), R"({"battery":1,"temperature":34.3})");
}

}  // namespace
}  // namespace twinhub::load

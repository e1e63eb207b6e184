#include "base/json_members.h"

#include <gtest/gtest.h>

namespace twinhub {
namespace {

const json::value& body() {
    static const json::value made =
        parse_json(R"({"a":"x","b":{"c":{"d":"deep"}},"n":7,"z":null})").value();
    return made;
}

TEST(JsonMembers, WhatIsNotThereReadsAsNothing) {
    const json::object& object = body().get_object();
    EXPECT_EQ(text_member(object, "a").value(), "x");
    EXPECT_EQ(text_member(object, "z").value(), std::nullopt);
    EXPECT_EQ(text_member(object, "q").value(), std::nullopt);
    EXPECT_EQ(integer_member(object, "n").value(), 7);
    EXPECT_EQ(text_member(object, "n").error().where, "n");
}

TEST(JsonMembers, TextsOfAServersAnswerAreTakenAsTheyCome) {
    EXPECT_EQ(text_in(body(), "a"), "x");
    EXPECT_EQ(text_in(body().get_object(), "a"), "x");
    EXPECT_EQ(text_at(body(), {"b", "c", "d"}), "deep");
    for (const char* const name : {"n", "z", "b", "q"}) EXPECT_EQ(text_in(body(), name), "");
    EXPECT_EQ(text_at(body(), {"a", "b"}), "");
    EXPECT_EQ(text_at(body(), {"b", "c"}), "");
    EXPECT_EQ(text_in(json::value("text"), "a"), "");
}

}  // namespace
}  // namespace twinhub

#include "apps/cli/history_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::apps::cli {
namespace {

using testing::HasSubstr;

TEST(HistoryCommands, TakeAMomentAsPeopleWriteIt) {
    const std::pair<const char*, const char*> rows[] = {
        {"2026-11-20T14:00:00Z", "at=2026-11-20T14%3A00%3A00Z"},
        {"90s", "at=-PT90S"},
        {"30m", "at=-PT30M"},
        {"2h", "at=-PT2H"},
        {"3d", "at=-P3D"},
        {"31", "atVersion=31"},
    };
    for (const auto& [text, query] : rows) EXPECT_EQ(moment_query(text, "to").value(), query);
    for (const char* text : {"", "h", "2w", "yesterday", "-1", "1.5h"})
        EXPECT_THAT(moment_query(text, "as-of").error().message, HasSubstr("--as-of is a time"));
}

TEST(HistoryCommands, ShowEveryValueThatDiffers) {
    const auto twin = [](std::string_view text) { return parse_json(text).value(); };
    const json::value before = twin(
        R"({"version":3,"tags":{"a":1,"o":{}},"properties":{"desired":{"fan":{"x":1,"y":2},"$version":2},)"
        R"("reported":{"$metadata":{}}}})");
    const json::value after = twin(
        R"({"version":4,"tags":{"a":1},"properties":{"desired":{"fan":{"x":1,"y":[2]},"$version":3},)"
        R"("reported":{"n":true,"$metadata":{}}}})");
    EXPECT_EQ(to_text(differences(before, after)),
              R"([{"part":"tags","path":"o","before":{}},)"
              R"({"part":"desired","path":"fan.y","before":2,"after":[2]},)"
              R"({"part":"reported","path":"n","after":true}])");
    EXPECT_TRUE(differences(after, after).empty());
}

}  // namespace
}  // namespace twinhub::apps::cli

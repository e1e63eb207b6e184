#include "apps/cli/change_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace twinhub::apps::cli {
namespace {

constexpr const char* change =
    R"({"cursor":"c1","deviceId":"d","moduleId":"m","at":"2026-11-20T14:00:00Z","kind":"twin",)"
    R"("cause":"rest","by":{"kind":"rest","principal":"service"},"leaves":[{"part":"tags","path":"n","before":1,"after":2}]})";

TEST(ChangeLines, AreWordsInATable) {
    std::ostringstream out, err;
    ChangeLines lines(out, err, true, 0);
    EXPECT_TRUE(lines.take(change));
    EXPECT_EQ(out.str(), "2026-11-20T14:00:00Z\td/m\trest\tservice\tn: 1 -> 2\n");
}

TEST(ChangeLines, RememberHowFarTheyCame) {
    std::ostringstream out, err;
    ChangeLines lines(out, err, false, 2);
    EXPECT_EQ(lines.cursor(), "");
    EXPECT_TRUE(lines.take(change));
    EXPECT_EQ(out.str(), std::string(change) + "\n");
    EXPECT_TRUE(lines.take(R"({"cursor":"c2"})"));
    EXPECT_EQ(lines.cursor(), "c2");
    EXPECT_FALSE(lines.at_end());
    EXPECT_TRUE(lines.take(R"({"cursor":"c3","end":true})"));
    EXPECT_TRUE(lines.at_end());
    EXPECT_TRUE(lines.take(R"({"error":"Gone","message":"no longer kept"})"));
    EXPECT_EQ(err.str(), "no longer kept\n");
    EXPECT_EQ(lines.left(), 1u);
    EXPECT_FALSE(lines.take(change));
    EXPECT_TRUE(lines.is_done());
}

TEST(ChangeLines, AreAskedForAsTheUserSaid) {
    Arguments arguments;
    arguments.set("where", {"tags.n > 1"});
    arguments.set("device-id", {"a b"});
    EXPECT_EQ(changes_path(arguments), "/changes?where=tags.n%20%3E%201&device=a%20b&");
    EXPECT_EQ(since_text("2h"), "-PT2H");
    EXPECT_EQ(since_text("oldest"), "oldest");
    EXPECT_EQ(since_text("0123abcd"), "0123abcd");
}

}  // namespace
}  // namespace twinhub::apps::cli

#include "apps/cli/series_text.h"

#include <gtest/gtest.h>

namespace twinhub::apps::cli {
namespace {

json::object object(std::string_view text) { return parse_json(text).value().as_object(); }

TEST(SeriesText, DrawsWhatIsNotZeroAndLeavesGaps) {
    EXPECT_EQ(drawn_series(object(R"({
        "asOf":"2026-03-01T10:20:07Z","from":"2026-03-01T10:00:00Z","stepSeconds":300,
        "series":{"pending":[0,0,null,0],"converged":[90,null,97,97],"offline":[7,0,0,3]},
        "causes":[{"at":"2026-03-01T10:05:00Z","kind":"rollout","id":"cam","by":"ada",
                   "devices":4812},
                  {"at":"2026-03-01T10:06:00Z","kind":"job","id":"j"}]})")),
              "2026-03-01T10:00:00Z to 2026-03-01T10:20:07Z, a point each 5 minutes\n"
              "   converged  ▁ ██  90 to 97, last 97\n"
              "     offline  █▁▁▄  0 to 7, last 3\n"
              "\n"
              "2026-03-01T10:05:00Z  rollout cam by ada, 4812 devices\n"
              "2026-03-01T10:06:00Z  job j\n");
}

TEST(SeriesText, SaysThatNothingIsKnown) {
    EXPECT_EQ(drawn_series(object(R"({
        "asOf":"2026-03-01T10:20:07Z","from":"2026-03-01T10:00:00Z","stepSeconds":60,
        "series":{"pending":[null]},"causes":[]})")),
              "2026-03-01T10:00:00Z to 2026-03-01T10:20:07Z, a point each 1 minutes\n"
              "nothing is known of this time\n");
}

}  // namespace
}  // namespace twinhub::apps::cli

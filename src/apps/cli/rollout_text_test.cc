#include "apps/cli/rollout_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::apps::cli {
namespace {

json::object object(std::string_view text) { return parse_json(text).value().as_object(); }

TEST(RolloutText, TellsAPlanOnOneScreen) {
    const std::string text = planned_text(object(
        R"({"plan":"x","asOf":"2026-11-22T14:31:00Z","devices":48120,"differs":43902,"same":4218,
            "offline":1412,"waves":[481,47639],"unassigned":3,"everything":true,
            "changes":[{"path":"properties.desired.mode","from":"1080p","to":"2160p",
                        "devices":41020},
                       {"path":"properties.desired.mode","to":"2160p","devices":2882}],
            "faults":[{"kind":"size","devices":0},
                      {"kind":"zone","devices":2,"example":"d7","message":"no zone"}],
            "overlaps":[{"kind":"configuration","id":"cam-base","path":"properties.desired.mode",
                         "devices":4812,"note":"lower priority"}],"expectedSeconds":7800})"));
    EXPECT_EQ(text,
              R"(2 waves, 48120 devices   differs on 43902, same already 4218, offline now 1412
  wave 1         481 devices
  wave 2       47639 devices
  no wave          3 devices
will change
  properties.desired.mode: "1080p" -> "2160p"   41020 devices
  properties.desired.mode: absent -> "2160p"   2882 devices
refuses (zone): 2 devices, d7: no zone
overlaps: configuration cam-base at properties.desired.mode, 4812 devices lower priority
This is every device that there is: it needs --confirm-all
expected: 2 h 10 min, by what these devices took last time
signed 2026-11-22T14:31:00Z, good until the fleet moves by more than 2%
)");
}

const char* const held = R"({"name":"cam-quality","state":"held","asOf":"2026-11-22T15:00:00Z",
    "now":"wave 1: 4.4% rejected, limit 1%","devices":100,"wave":1,"ofWaves":2,
    "steps":{"waiting":50,"told":50},"states":{"converged":45,"rejected":5},
    "waves":[{"wave":1,"state":"held","devices":50,"steps":{"told":50},
              "states":{"converged":45,"rejected":5},
              "gates":{"converged":{"share":0.9,"atLeast":0.97,"ok":false},
                       "rejected":{"share":0.1,"atMost":0.01,"ok":false},
                       "soak":{"seconds":0,"of":1200,"ok":false}}},
             {"wave":2,"state":"waiting","devices":50,"steps":{"waiting":50},"states":{}}],
    "log":[{"at":"2026-11-22T15:00:00Z","what":"held","wave":1,"reason":"4.4% rejected"},
           {"at":"2026-11-22T15:01:00Z","what":"pause","by":"ada"}]})";

TEST(RolloutText, DrawsEachWaveWithItsGates) {
    EXPECT_EQ(rollout_text(object(held)),
              R"(cam-quality   held   wave 1: 4.4% rejected, limit 1%
100 devices: 45 converged, 5 rejected, 50 waiting
  wave 1   [###########################xxx]       50  held     45 converged, 5 rejected
          converged 90% (>= 97%) NOT YET  rejected 10% (<= 1%) NOT YET  soak 0 s of 20 min
  wave 2   [..............................]       50  waiting  50 waiting
  2026-11-22T15:00:00Z  held (wave 1): 4.4% rejected
  2026-11-22T15:01:00Z  pause [ada]
)");
}

TEST(RolloutText, SaysTheSameInOneLine) {
    EXPECT_EQ(rollout_line(object(held)),
              "2026-11-22T15:00:00Z cam-quality held wave 1 of 2: 45 converged, 5 rejected, 50 "
              "waiting; wave 1: 4.4% rejected, limit 1%\n");
}

TEST(RolloutText, ShowsAFewWhoRefuseInALargeWave) {
    const std::string text = rollout_text(object(
        R"({"name":"r","state":"running","devices":100000,"waves":[{"wave":1,"state":"running",
            "devices":100000,"steps":{"waiting":0},"states":{"converged":99999,"rejected":1}}]})"));
    EXPECT_THAT(text, testing::HasSubstr("x]"));
}

}  // namespace
}  // namespace twinhub::apps::cli

#include "hub/lanes.h"

#include "base/loop.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace twinhub::hub {
namespace {

struct LanesTest : ::testing::Test {
    Loop loop;
    Lanes lanes{loop.get_executor()};
    std::vector<std::string> seen;
    std::vector<std::optional<Lanes::Guard>> guards{10};

    void enter(std::size_t who, std::string lane) {
        asio::co_spawn(
            loop,
            [this, who, lane]() -> Task<> {
                guards[who] = co_await lanes.enter(lane);
                seen.push_back(lane + std::to_string(who));
            },
            asio::detached);
        turn();
    }
    void leave(std::size_t who) {
        guards[who].reset();
        turn();
    }
    void turn() {
        loop.restart();
        loop.poll();
    }
    using Seen = std::vector<std::string>;
};

TEST_F(LanesTest, OneNameIsForOneAtATimeInTheOrderTheyCame) {
    enter(0, "a");
    enter(1, "a");
    enter(2, "a");
    EXPECT_EQ(seen, (Seen{"a0"}));
    leave(0);
    EXPECT_EQ(seen, (Seen{"a0", "a1"}));
    leave(1);
    leave(2);
    EXPECT_EQ(seen, (Seen{"a0", "a1", "a2"}));
    EXPECT_TRUE(lanes.empty());
}

TEST_F(LanesTest, OtherNamesGoOn) {
    enter(0, "a");
    enter(1, "b");
    EXPECT_EQ(seen, (Seen{"a0", "b1"}));
}

TEST_F(LanesTest, NobodyOvertakesWhoWasToldToGo) {
    enter(0, "a");
    enter(1, "a");
    guards[0].reset();  // 1 may go, and has not yet
    enter(2, "a");
    EXPECT_EQ(seen, (Seen{"a0", "a1"}));
    leave(1);
    EXPECT_EQ(seen, (Seen{"a0", "a1", "a2"}));
}

TEST_F(LanesTest, AGuardThatMovesHoldsTheLaneOnce) {
    enter(0, "a");
    enter(1, "a");
    Lanes::Guard moved = std::move(*guards[0]);
    leave(0);
    EXPECT_EQ(seen, (Seen{"a0"}));
    moved = Lanes::Guard();
    turn();
    EXPECT_EQ(seen, (Seen{"a0", "a1"}));
}

TEST_F(LanesTest, WhoStillWaitsAtTheEndIsUnwound) {
    enter(0, "a");
    enter(1, "a");
    EXPECT_EQ(seen.size(), 1u);  // the leak checker says the rest
}

}  // namespace
}  // namespace twinhub::hub

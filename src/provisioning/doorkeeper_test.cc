#include "provisioning/doorkeeper.h"

#include <gtest/gtest.h>

namespace twinhub::provisioning {
namespace {

using namespace std::chrono_literals;

const Moment start{1h};

TEST(Doorkeeper, LetsABurstInAndThenOneAtATime) {
    SystemRandom random;
    Doorkeeper keeper({.registrations_per_second = 10}, random);
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(keeper.admit("a", true, start)) << i;
    const auto wait = keeper.admit("b", true, start);
    ASSERT_TRUE(wait);
    EXPECT_EQ(wait->limit, Doorkeeper::Limit::all);
    EXPECT_EQ(wait->retry_after, 1s);
    EXPECT_FALSE(keeper.admit("b", false, start));  // a poll costs none
    EXPECT_FALSE(keeper.admit("b", true, start + 150ms));
    EXPECT_TRUE(keeper.admit("b", true, start + 150ms));
}

TEST(Doorkeeper, ARegistrationThatAsksTooOftenWaits) {
    SystemRandom random;
    Doorkeeper keeper({.requests_per_minute = 6}, random);
    for (int i = 0; i < 6; ++i) EXPECT_FALSE(keeper.admit_proved("r", start));
    const auto wait = keeper.admit_proved("r", start);
    ASSERT_TRUE(wait);
    EXPECT_EQ(wait->limit, Doorkeeper::Limit::registration);
    EXPECT_EQ(wait->retry_after, 10s);
    EXPECT_FALSE(keeper.admit_proved("r", start + 10s));
}

TEST(Doorkeeper, FailuresOfAnAddressAreForgottenWithTime) {
    SystemRandom random;
    Doorkeeper keeper({.failures_per_minute = 6}, random);
    EXPECT_EQ(keeper.failed("a", start), 0ms);
    for (int i = 0; i < 5; ++i) (void)keeper.failed("a", start);
    const auto wait = keeper.admit("a", false, start);
    ASSERT_TRUE(wait);
    EXPECT_EQ(wait->limit, Doorkeeper::Limit::address);
    EXPECT_EQ(wait->retry_after, 10s);
    EXPECT_FALSE(keeper.admit("a", false, start + 10s));
    EXPECT_EQ(keeper.failed("a", start + 2min), 0ms);
}

TEST(Doorkeeper, KnowsNoLimitWhereNoneIsSet) {
    SystemRandom random;
    Doorkeeper keeper({0, 0, 0}, random);
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_FALSE(keeper.admit("a", true, start));
        ASSERT_FALSE(keeper.admit_proved("r", start));
        ASSERT_EQ(keeper.failed("a", start), 0ms);
    }
}

}  // namespace
}  // namespace twinhub::provisioning

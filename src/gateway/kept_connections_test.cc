#include "gateway/kept_connections.h"

#include <gtest/gtest.h>

namespace twinhub::gateway {
namespace {

struct Stopped : std::enable_shared_from_this<Stopped> {
    explicit Stopped(KeptConnections<Stopped>& keeper) : kept(keeper) {}
    void stop() {
        ++stops;
        kept.release(shared_from_this());
    }
    KeptConnections<Stopped>& kept;
    int stops = 0;
};

TEST(KeptConnections, AllAreStoppedAndMayLeaveMeanwhile) {
    KeptConnections<Stopped> kept;
    const auto one = std::make_shared<Stopped>(kept);
    const auto two = std::make_shared<Stopped>(kept);
    kept.adopt(one);
    kept.adopt(two);
    EXPECT_EQ(kept.size(), 2u);
    kept.stop();
    EXPECT_EQ(kept.size(), 0u);
    EXPECT_EQ(one->stops + two->stops, 2);
}

TEST(KeptConnections, WhoComesTooLateIsStoppedAtOnce) {
    KeptConnections<Stopped> kept;
    EXPECT_FALSE(kept.is_stopping());
    kept.stop();
    const auto late = std::make_shared<Stopped>(kept);
    kept.adopt(late);
    EXPECT_EQ(late->stops, 1);
    EXPECT_EQ(kept.size(), 0u);
}

TEST(KeptConnections, WhoIsKeptLivesOnAlone) {
    KeptConnections<Stopped> kept;
    std::weak_ptr<Stopped> watched;
    {
        const auto one = std::make_shared<Stopped>(kept);
        watched = one;
        kept.adopt(one);
    }
    ASSERT_FALSE(watched.expired());
    kept.release(watched.lock());
    EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace twinhub::gateway

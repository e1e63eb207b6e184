#include "gateway/tls/handshake_lane.h"

#include "base/loop.h"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace twinhub::gateway {
namespace {

TEST(HandshakeLane, TakesItsStepsInOrderAndLetsOthersInBetween) {
    Loop loop;
    std::string order;
    for (char name = 'a'; name <= 'j'; ++name)
        HandshakeLane::add(loop.get_executor(), [&, name] {
            order += name;
            if (name == 'a') asio::post(loop, [&] { order += '!'; });
        });
    EXPECT_EQ(order, "");  // nothing runs within add()
    loop.run();
    EXPECT_EQ(order, "abcd!efghij");
}

TEST(HandshakeLane, GoesOnWithStepsThatAStepAddsAndWithThoseThatComeLater) {
    Loop loop;
    std::string order;
    const auto executor = loop.get_executor();
    HandshakeLane::add(executor, [&] {
        order += 'a';
        HandshakeLane::add(executor, [&] { order += 'b'; });
    });
    loop.run();
    EXPECT_EQ(order, "ab");
    HandshakeLane::add(executor, [&] { order += 'c'; });
    loop.restart();
    loop.run();
    EXPECT_EQ(order, "abc");
}

TEST(HandshakeLane, DropsWhatWaitsWhenTheLoopGoes) {
    const auto held = std::make_shared<int>(1);
    bool ran = false;
    {
        Loop loop;
        HandshakeLane::add(loop.get_executor(), [held, &ran] { ran = true; });
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace twinhub::gateway

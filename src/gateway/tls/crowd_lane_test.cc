#include "gateway/tls/crowd_lane.h"

#include "base/loop.h"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace twinhub::gateway {
namespace {

using Cost = CrowdLane::Cost;

TEST(CrowdLane, TakesItsStepsInOrderAndLetsOthersInBetween) {
    Loop loop;
    std::string order;
    for (char name = 'a'; name <= 'j'; ++name)
        CrowdLane::add(loop.get_executor(), Cost::handshake, [&, name] {
            order += name;
            if (name == 'a') asio::post(loop, [&] { order += '!'; });
        });
    EXPECT_EQ(order, "");  // nothing runs within add()
    loop.run();
    EXPECT_EQ(order, "abcd!efghij");
}

TEST(CrowdLane, TakesMoreOfTheStepsThatCostLittle) {
    Loop loop;
    int ended = 0;
    int ended_when_others_ran = 0;
    for (int i = 0; i < 100; ++i)
        CrowdLane::add(loop.get_executor(), Cost::end, [&, i] {
            ++ended;
            if (i == 0) asio::post(loop, [&] { ended_when_others_ran = ended; });
        });
    loop.run();
    EXPECT_EQ(ended_when_others_ran, 32);
    EXPECT_EQ(ended, 100);
}

TEST(CrowdLane, GoesOnWithStepsThatAStepAddsAndWithThoseThatComeLater) {
    Loop loop;
    std::string order;
    const auto executor = loop.get_executor();
    CrowdLane::add(executor, Cost::handshake, [&] {
        order += 'a';
        CrowdLane::add(executor, Cost::end, [&] { order += 'b'; });
    });
    loop.run();
    EXPECT_EQ(order, "ab");
    CrowdLane::add(executor, Cost::end, [&] { order += 'c'; });
    loop.restart();
    loop.run();
    EXPECT_EQ(order, "abc");
}

TEST(CrowdLane, DropsWhatWaitsWhenTheLoopGoes) {
    const auto held = std::make_shared<int>(1);
    bool ran = false;
    {
        Loop loop;
        CrowdLane::add(loop.get_executor(), Cost::end, [held, &ran] { ran = true; });
        EXPECT_EQ(held.use_count(), 2);
    }
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace twinhub::gateway

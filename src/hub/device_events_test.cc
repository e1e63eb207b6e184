#include "hub/device_events.h"

#include "base/loop.h"

#include <gmock/gmock.h>

#include <thread>

namespace twinhub::hub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct DeviceEventsTest : ::testing::Test {
    DeviceEvents events;
    Loop loop;
    std::vector<std::string> heard;

    auto listen(std::size_t waiting_max = 100) {
        return events.listen(loop.get_executor(), waiting_max,
                             [this](const std::shared_ptr<const DeviceEvent>& event) {
                                 heard.push_back(event->payload);
                             });
    }
    void publish(std::string payload) {
        events.publish(std::make_shared<const DeviceEvent>(
            DeviceEvent{.id = {}, .at = {}, .properties = {}, .payload = std::move(payload)}));
    }
    void turn() {
        loop.restart();
        loop.poll();
    }
};

TEST_F(DeviceEventsTest, AreHeardInOrderOnTheLoopOfTheListener) {
    EXPECT_FALSE(events.is_heard());
    const auto subscription = listen();
    EXPECT_TRUE(events.is_heard());
    publish("a");
    publish("b");
    EXPECT_THAT(heard, IsEmpty());
    turn();
    EXPECT_THAT(heard, ElementsAre("a", "b"));
    EXPECT_EQ(subscription->lost(), 0u);
}

TEST_F(DeviceEventsTest, EachListenerHearsAll) {
    const auto one = listen();
    const auto two = listen();
    publish("a");
    turn();
    EXPECT_THAT(heard, ElementsAre("a", "a"));
}

TEST_F(DeviceEventsTest, AListenerTooSlowLosesTheFurtherOnesAndIsTold) {
    const auto subscription = listen(2);
    for (const char* payload : {"a", "b", "c", "d"}) publish(payload);
    turn();
    EXPECT_THAT(heard, ElementsAre("a", "b"));
    EXPECT_EQ(subscription->lost(), 2u);
    publish("e");
    turn();
    EXPECT_THAT(heard, ElementsAre("a", "b", "e"));
}

TEST_F(DeviceEventsTest, NothingIsHeardAfterTheEnd) {
    auto subscription = listen();
    publish("a");
    subscription.reset();
    EXPECT_FALSE(events.is_heard());
    publish("b");
    turn();
    EXPECT_THAT(heard, IsEmpty());
}

TEST_F(DeviceEventsTest, AListenerMayEndItself) {
    std::unique_ptr<DeviceEvents::Subscription> subscription;
    const std::string captured = "a text that lives in the listener, beyond the small buffer";
    subscription = events.listen(loop.get_executor(), 10,
                                 [&, captured](const std::shared_ptr<const DeviceEvent>&) {
                                     subscription.reset();
                                     heard.push_back(captured);
                                 });
    publish("a");
    publish("b");
    turn();
    EXPECT_THAT(heard, ElementsAre(captured));
}

TEST_F(DeviceEventsTest, ListenersOfManyThreadsComeAndGo) {
    // As in a server, the loops outlive everybody who may still be publishing to them.
    std::vector<std::unique_ptr<Loop>> loops;
    for (int i = 0; i < 4; ++i) loops.push_back(std::make_unique<Loop>());
    std::vector<std::jthread> threads;
    for (const auto& each : loops)
        threads.emplace_back([this, &own = *each] {
            for (int n = 0; n < 200; ++n) {
                const auto subscription = events.listen(own.get_executor(), 10, [](const auto&) {});
                publish("x");
                EXPECT_TRUE(events.is_heard());
                own.restart();
                own.poll();
            }
        });
    threads.clear();
    EXPECT_FALSE(events.is_heard());
}

}  // namespace
}  // namespace twinhub::hub

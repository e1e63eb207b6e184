#include "gateway/routes/route_runner.h"

#include "gateway/routes/testing/route_bench.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace twinhub::gateway {
namespace {

using namespace std::chrono_literals;
using hub::EventSource;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::RouteBench;
using Doing = RouteState::Doing;

struct RouteRunnerTest : RouteBench {
    ~RouteRunnerTest() override {
        end();
        // Those that died still wait, and hold themselves while they do.
        for (const auto& lost : lost_runners) lost->stop();
        run();
    }

    void begin(RouteOptions options = {.hub = "hub"}, std::string condition = {}) {
        runner = runner_of(route_of({EventSource::twin_changes}, std::move(condition)), options);
        runner->start({});
        run();
    }
    void begin_passing(RouteOptions options = {.hub = "hub"}, std::string condition = {}) {
        runner = runner_of(route_of({EventSource::messages}, std::move(condition)), options);
        runner->start({{EventSource::messages, &events}});
        run();
    }
    void end() {
        if (!runner) return;
        runner->stop();
        run();
        runner.reset();
    }
    // The process dies: nothing more is done, nothing is saved.
    void die() {
        feed.listeners.clear();
        lost_runners.push_back(std::move(runner));
    }
    void add(int events) {
        for (int i = 0; i < events; ++i) feed.add("d1");
        run();
    }

    std::shared_ptr<RouteRunner> runner;
    std::vector<std::shared_ptr<RouteRunner>> lost_runners;
};

TEST_F(RouteRunnerTest, DeliversWhatComesInOrder) {
    begin();
    add(5);
    EXPECT_THAT(sink->ids(), ElementsAre("1.1", "1.2", "1.3", "1.4", "1.5"));
    EXPECT_EQ(runner->state().behind, 0u);
    EXPECT_EQ(runner->state().counts.delivered, 5u);
    EXPECT_EQ(runner->state().doing, Doing::waiting);
}

TEST_F(RouteRunnerTest, BeginsWithWhatIsNewOrWithAllThatIsKept) {
    add(2);
    begin();
    add(1);
    EXPECT_THAT(sink->ids(), ElementsAre("1.3"));
    end();
    feed.saved.reset();
    feed.oldest = 2;
    begin({.hub = "hub", .from_oldest = true});
    EXPECT_THAT(sink->ids(), ElementsAre("1.3", "1.2", "1.3"));
}

TEST_F(RouteRunnerTest, GoesOnWhereItWasSaved) {
    begin();
    add(2);
    advance(2s);
    EXPECT_EQ(feed.saved, (hub::ChangeCursor{3, 0}));
    end();
    add(2);
    begin();
    EXPECT_THAT(sink->ids(), ElementsAre("1.1", "1.2", "1.3", "1.4"));
}

TEST_F(RouteRunnerTest, SavesItsPlaceBeforeAnythingAndOnceASecond) {
    begin();
    EXPECT_EQ(feed.saves, 1u);
    for (int i = 0; i < 10; ++i) add(1);
    EXPECT_LE(feed.saves, 2u);
    advance(2s);
    EXPECT_EQ(feed.saved, (hub::ChangeCursor{11, 0}));
}

TEST_F(RouteRunnerTest, TellsAgainAfterACrashWhatWasNotSaved) {
    begin();
    add(1);
    advance(2s);
    feed.saving_fails = true;
    add(2);
    die();
    feed.saving_fails = false;
    begin();
    EXPECT_THAT(sink->ids(), ElementsAre("1.1", "1.2", "1.3", "1.2", "1.3"));
}

TEST_F(RouteRunnerTest, TriesABatchAgainUntilItArrives) {
    begin();
    sink->answers = {Handed::again("down"), Handed::again("down")};
    add(2);
    EXPECT_EQ(runner->state().doing, Doing::retrying);
    EXPECT_EQ(runner->state().last_failure, "down");
    EXPECT_EQ(runner->state().behind, 2u);
    EXPECT_TRUE(runner->state().oldest_undelivered);
    EXPECT_THAT(sink->taken, IsEmpty());
    for (int i = 0; i < 10; ++i) advance(1s);
    EXPECT_THAT(sink->ids(), ElementsAre("1.1", "1.2"));
    EXPECT_EQ(runner->state().counts.failures, 2u);
    EXPECT_EQ(runner->state().last_failure, "");
}

TEST_F(RouteRunnerTest, WaitsAsLongAsTheReceiverAsks) {
    begin();
    Handed patience = Handed::again("busy");
    patience.wait = 30s;
    sink->answers = {patience};
    add(1);
    for (int i = 0; i < 25; ++i) advance(1s);
    EXPECT_THAT(sink->taken, IsEmpty());
    for (int i = 0; i < 10; ++i) advance(1s);
    EXPECT_THAT(sink->ids(), ElementsAre("1.1"));
}

TEST_F(RouteRunnerTest, PutsAsideOnlyWhatIsRefused) {
    begin();
    sink->judge = [](const std::vector<hub::HubEvent>& batch) {
        const bool is_bad =
            std::ranges::any_of(batch, [](const auto& event) { return event.id == "1.2"; });
        return is_bad ? Handed::refused("status 400") : Handed{};
    };
    add(3);
    EXPECT_THAT(sink->ids(), ElementsAre("1.1", "1.3"));
    ASSERT_THAT(dead_sink->ids(), ElementsAre("1.2"));
    EXPECT_THAT(dead_sink->taken[0].application,
                ::testing::Contains(::testing::Pair("x-twinhub-dead-letter-reason", "status 400")));
    EXPECT_EQ(runner->state().counts.dead_letters, 1u);
    EXPECT_EQ(runner->state().behind, 0u);
}

TEST_F(RouteRunnerTest, PutsAsideWhatWasTriedTooOften) {
    begin({.hub = "hub", .attempts_max = 3});
    sink->judge = [](const std::vector<hub::HubEvent>&) { return Handed::again("down"); };
    add(2);
    for (int i = 0; i < 30; ++i) advance(1s);
    EXPECT_THAT(dead_sink->ids(), ElementsAre("1.1", "1.2"));
    EXPECT_EQ(sink->attempts, 3u);
    sink->judge = nullptr;
    add(1);
    EXPECT_THAT(sink->ids(), ElementsAre("1.3"));
}

TEST_F(RouteRunnerTest, TakesTheNextGraveWhenOneIsFull) {
    begin();
    sink->judge = [](const std::vector<hub::HubEvent>&) { return Handed::refused("no"); };
    dead_sink->judge = [](const std::vector<hub::HubEvent>&) { return Handed::refused("no"); };
    grave->answers = {Handed::again("disk full")};
    feed.add("d1");
    run();
    EXPECT_THAT(grave->taken, IsEmpty());
    for (int i = 0; i < 5; ++i) advance(1s);
    EXPECT_THAT(grave->ids(), ElementsAre("1.1"));
    EXPECT_EQ(runner->state().counts.lost, 0u);
}

TEST_F(RouteRunnerTest, SaysWhenChangesAreGone) {
    begin();
    end();
    add(5);
    feed.oldest = 4;
    begin();
    EXPECT_THAT(sink->ids(), ElementsAre("1.4", "1.5"));
    EXPECT_EQ(runner->state().counts.lost, 1u);
}

TEST_F(RouteRunnerTest, LeavesWhatItsConditionDoesNotTake) {
    begin({.hub = "hub"}, "opType = 'replaceTwin'");
    feed.add("d1");
    feed.add("d1", "replaceTwin");
    feed.add("d1");
    run();
    EXPECT_THAT(sink->ids(), ElementsAre("1.2"));
    EXPECT_EQ(runner->state().behind, 0u);
}

TEST_F(RouteRunnerTest, DeliversWhatPassesBy) {
    begin_passing();
    publish("d1");
    publish("d2");
    ASSERT_EQ(sink->taken.size(), 2u);
    EXPECT_EQ(sink->taken[0].kind, "telemetry");
    EXPECT_NE(sink->taken[0].id, sink->taken[1].id);
    EXPECT_TRUE(runner->is_empty());
}

TEST_F(RouteRunnerTest, LosesAndCountsWhatPassesByBeyondItsBuffer) {
    begin_passing({.hub = "hub", .waiting_max = 3});
    sink->answers = {Handed::again("down")};
    for (int i = 0; i < 8; ++i) publish("d1");
    EXPECT_EQ(runner->state().counts.lost, 4u);  // one is under way, three wait
    for (int i = 0; i < 5; ++i) advance(1s);
    EXPECT_EQ(sink->taken.size(), 4u);
    EXPECT_TRUE(runner->is_empty());
}

TEST_F(RouteRunnerTest, JudgesWhatPassesBy) {
    begin_passing({.hub = "hub"}, "$connectionDeviceId = 'd2'");
    publish("d1");
    publish("d2");
    ASSERT_EQ(sink->taken.size(), 1u);
    EXPECT_EQ(sink->taken[0].twin.device.text(), "d2");
}

TEST_F(RouteRunnerTest, HandsOverWhatWaitsBeforeTheEnd) {
    begin_passing();
    sink->answers = {Handed::again("down")};
    publish("d1");
    publish("d2");
    runner->finish();
    run();
    EXPECT_TRUE(runner->is_empty());
    EXPECT_EQ(runner->state().doing, Doing::stopped);
    EXPECT_EQ(sink->taken.size(), 2u);
}

// Receivers that fail at random and servers that die at random: no gap, order kept, and what comes
// twice has the id that it had.
RC_GTEST_FIXTURE_PROP(RouteRunnerTest, NothingIsLeftOutWhateverFails, ()) {
    begin();
    sink->judge = [](const std::vector<hub::HubEvent>&) {
        switch (*rc::gen::inRange(0, 4)) {
            case 0: return Handed::again("down");
            default: return Handed{};
        }
    };
    const int steps = *rc::gen::inRange(1, 40);
    for (int i = 0; i < steps; ++i) {
        switch (*rc::gen::inRange(0, 6)) {
            case 0: advance(std::chrono::seconds(*rc::gen::inRange(1, 5))); break;
            case 1:
                die();
                begin();
                break;
            case 2:
                end();
                begin();
                break;
            case 3: feed.saving_fails = *rc::gen::arbitrary<bool>(); break;
            default: add(*rc::gen::inRange(1, 4));
        }
    }
    feed.saving_fails = false;
    sink->judge = nullptr;
    for (int i = 0; i < 200; ++i) advance(1s);
    std::size_t next = 1;
    for (const hub::HubEvent& event : sink->taken) {
        RC_ASSERT(event.sequence <= next);  // a repetition, or the next one
        RC_ASSERT(event.id == "1." + std::to_string(event.sequence));
        next = std::max<std::size_t>(next, event.sequence + 1);
    }
    RC_ASSERT(next == feed.events.size() + 1);
    end();
}

}  // namespace
}  // namespace twinhub::gateway

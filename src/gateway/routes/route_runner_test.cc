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

    void begin(RouteOptions options = {}, std::string condition = {}) {
        begin({EventSource::twin_changes}, options, std::move(condition));
    }
    void begin(std::vector<EventSource> sources, RouteOptions options = {},
               std::string condition = {}) {
        runner = runner_of(route_of(std::move(sources), std::move(condition)), options);
        runner->start();
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
        events_log.listeners.clear();
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
    begin({.from_oldest = true});
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
    begin({.attempts_max = 3});
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
    begin({}, "opType = 'replaceTwin'");
    feed.add("d1");
    feed.add("d1", "replaceTwin");
    feed.add("d1");
    run();
    EXPECT_THAT(sink->ids(), ElementsAre("1.2"));
    EXPECT_EQ(runner->state().behind, 0u);
}

TEST_F(RouteRunnerTest, GoesTwoWaysEachFromAPlaceOfItsOwn) {
    begin({EventSource::twin_changes, EventSource::messages});
    add(2);
    events_log.add("d2", "telemetry");
    run();
    EXPECT_EQ(sink->taken.size(), 3u);
    advance(2s);
    EXPECT_EQ(feed.saved, (hub::ChangeCursor{3, 0}));
    EXPECT_EQ(events_log.saved, (hub::ChangeCursor{2, 0}));
    end();
    events_log.add("d2", "telemetry");
    begin({EventSource::twin_changes, EventSource::messages});
    EXPECT_EQ(sink->taken.size(), 4u);
    EXPECT_EQ(sink->taken.back().kind, "telemetry");
}

TEST_F(RouteRunnerTest, SaysWhatWaitsAndSinceWhen) {
    begin({EventSource::messages});
    sink->judge = [](const std::vector<hub::HubEvent>&) { return Handed::again("down"); };
    for (int i = 0; i < 3; ++i) events_log.add("d1", "telemetry");
    run();
    EXPECT_EQ(runner->state().waiting, 3u);
    EXPECT_EQ(runner->state().behind, 0u);
    EXPECT_TRUE(runner->state().oldest_undelivered);
    sink->judge = nullptr;
    for (int i = 0; i < 3; ++i) advance(1s);
    EXPECT_EQ(runner->state().waiting, 0u);
    EXPECT_FALSE(runner->state().oldest_undelivered);
}

TEST_F(RouteRunnerTest, SaysWhatWasLostOnItsWay) {
    begin({EventSource::messages});
    events_log.lost = 4;
    events_log.add("d1", "telemetry");
    run();
    EXPECT_EQ(runner->state().counts.lost, 4u);
    EXPECT_EQ(sink->taken.size(), 1u);
}

TEST_F(RouteRunnerTest, HandsOverTheLogBeforeTheEnd) {
    begin({EventSource::messages});
    sink->answers = {Handed::again("down")};
    events_log.add("d1", "telemetry");
    events_log.add("d2", "telemetry");
    run();
    events_log.is_settled = false;  // one more is on its way to the disk
    runner->finish();
    run();
    EXPECT_FALSE(runner->is_finished());
    EXPECT_EQ(sink->taken.size(), 2u);
    events_log.is_settled = true;
    events_log.add("d3", "telemetry");
    run();
    EXPECT_TRUE(runner->is_finished());
    EXPECT_EQ(runner->state().doing, Doing::stopped);
    EXPECT_EQ(sink->taken.size(), 3u);
    EXPECT_EQ(events_log.saved, (hub::ChangeCursor{4, 0}));
}

TEST_F(RouteRunnerTest, EndsWithoutASinkAndLosesNothing) {
    begin({EventSource::messages});
    sink->judge = [](const std::vector<hub::HubEvent>&) { return Handed::again("down"); };
    events_log.add("d1", "telemetry");
    run();
    runner->finish();
    run();
    EXPECT_TRUE(runner->is_finished());
    EXPECT_EQ(runner->state().counts.lost, 0u);
    end();
    sink->judge = nullptr;
    begin({EventSource::messages});
    EXPECT_THAT(sink->ids(), ElementsAre("1.1"));
}

TEST_F(RouteRunnerTest, LeavesTheFeedForTheNextStart) {
    begin({EventSource::twin_changes, EventSource::messages});
    runner->finish();
    run();
    EXPECT_TRUE(runner->is_finished());
    add(2);
    end();
    begin({EventSource::twin_changes, EventSource::messages});
    EXPECT_THAT(sink->ids(), ElementsAre("1.1", "1.2"));
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

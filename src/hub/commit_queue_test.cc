#include "hub/commit_queue.h"

#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Fault = store::MemoryEngine::Fault;

struct CommitQueueTest : ::testing::Test {
    store::MemoryEngine engine;
    testing::TestClock clock;
    prometheus::Registry registry;
    Metrics metrics{registry};
    store::Committer committer{engine, clock, {.threaded = false}};
    Loop loop;
    std::vector<std::string> told;
    std::optional<CommitQueue> queue;

    void SetUp() override {
        queue.emplace(loop.get_executor(), committer, 0, clock, metrics,
                      [this](const Error&) { told.emplace_back("lost"); });
    }
    void add(std::string name) {
        queue->batch().put(store::Family::metadata, "H" + name, name);
        queue->on_settled(
            [this, name](const Result<>& result) { told.push_back((result ? "+" : "-") + name); });
    }
    void turn() {
        loop.restart();
        loop.poll();
    }
    void settle() {
        do turn();
        while (committer.run_once());
    }
    bool stored(const std::string& name) {
        return engine.get(store::Family::metadata, "H" + name).value().has_value();
    }
};

TEST_F(CommitQueueTest, WhatOneTurnAddsIsOneCommit) {
    add("a");
    add("b");
    EXPECT_FALSE(queue->idle());
    settle();
    EXPECT_EQ(engine.commits(), 1u);
    EXPECT_THAT(told, ElementsAre("+a", "+b"));
    EXPECT_TRUE(queue->idle());
}

TEST_F(CommitQueueTest, ACompletionWithoutAPutWaitsForThoseBeforeIt) {
    add("a");
    turn();
    queue->on_settled([this](const Result<>& result) { told.push_back(result ? "barrier" : "?"); });
    turn();
    EXPECT_THAT(told, IsEmpty());
    settle();
    EXPECT_THAT(told, ElementsAre("+a", "barrier"));
}

TEST_F(CommitQueueTest, ALossTakesAllThatWasBuiltOnItAndNothingLater) {
    engine.fail_commits(1, Fault::refused);
    add("a");
    turn();
    add("b");
    turn();
    committer.run_once();  // both are refused; their news is on its way
    add("c");
    turn();
    EXPECT_THAT(told, ElementsAre("lost", "-a", "-b", "-c"));
    EXPECT_TRUE(queue->failing());
    add("d");
    settle();
    EXPECT_THAT(told, ElementsAre("lost", "-a", "-b", "-c", "+d"));
    EXPECT_FALSE(queue->failing());
    EXPECT_FALSE(stored("a") || stored("b") || stored("c"));
    EXPECT_TRUE(stored("d"));
    EXPECT_EQ(metrics.commit_failures.Value(), 1.0);
}

TEST_F(CommitQueueTest, ACompletionMayAddMore) {
    engine.fail_commits(1, Fault::refused);
    queue->batch().put(store::Family::metadata, "Hx", "");
    queue->on_settled([this](const Result<>& result) {
        EXPECT_FALSE(result);
        add("retry");
    });
    add("other");
    settle();
    EXPECT_THAT(told, ElementsAre("lost", "-other", "+retry"));
}

TEST_F(CommitQueueTest, NothingIsToldAfterItsEnd) {
    add("a");
    turn();
    add("b");
    queue.reset();
    settle();
    EXPECT_THAT(told, IsEmpty());
    EXPECT_TRUE(stored("a"));  // what was handed over is written all the same
    EXPECT_FALSE(stored("b"));
}

TEST_F(CommitQueueTest, AStoppedCommitterRefuses) {
    committer.stop();
    add("a");
    turn();
    EXPECT_THAT(told, ElementsAre("lost", "-a"));
}

}  // namespace
}  // namespace twinhub::hub

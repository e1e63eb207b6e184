#include "store/committer.h"

#include "store/engine_fixtures_for_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace twinhub::store {
namespace {

using ::testing::ElementsAre;

Batch batch_of(std::string_view key, std::string_view value = "v") {
    Batch batch;
    batch.put(Family::twins, key, value);
    return batch;
}

// A committer without a thread, and what it answered: "name" or "name!code".
class CommitterTest : public ::testing::Test {
protected:
    void start(CommitterOptions options = {}) {
        options.threaded = false;
        committer_ = std::make_unique<Committer>(engine_, clock_, std::move(options));
    }
    void submit(Stream stream, std::uint64_t generation, const std::string& name, Batch batch) {
        committer_->submit(stream, generation, std::move(batch),
                           [this, name](const Result<>& result) {
                               answers_.push_back(result ? name
                                                  : result.error().code == Code::unavailable
                                                      ? name + "!unavailable"
                                                      : name + "!internal");
                           });
    }
    void submit(Stream stream, std::uint64_t generation, const std::string& name) {
        submit(stream, generation, name, batch_of(name));
    }
    std::vector<std::string> keys() const {
        std::vector<std::string> all;
        for (const auto& [key, value] : read_all(engine_, Family::twins)) all.push_back(key);
        return all;
    }
    void run_all() {
        while (committer_->run_once()) {}
    }

    MemoryEngine engine_;
    SystemClock clock_;
    std::vector<std::string> answers_;
    std::unique_ptr<Committer> committer_;
};

TEST_F(CommitterTest, WhatWaitsSharesOneWrite) {
    start();
    for (const char* name : {"a", "b", "c"}) submit(1, 1, name);
    submit(2, 1, "d");
    EXPECT_TRUE(answers_.empty());
    EXPECT_TRUE(committer_->run_once());
    EXPECT_THAT(answers_, ElementsAre("a", "b", "c", "d"));
    EXPECT_EQ(engine_.commits(), 1u);
    EXPECT_FALSE(committer_->run_once());
}

TEST_F(CommitterTest, AWriteStaysBelowItsLimitButForOneLargeBatch) {
    start({.write_bytes_max = 100});
    submit(1, 1, "a", batch_of("a", std::string(40, 'x')));
    submit(1, 1, "b", batch_of("b", std::string(40, 'x')));
    submit(1, 1, "c", batch_of("c", std::string(400, 'x')));
    submit(1, 1, "d", batch_of("d", std::string(40, 'x')));
    EXPECT_TRUE(committer_->run_once());
    EXPECT_THAT(answers_, ElementsAre("a"));
    run_all();
    EXPECT_THAT(answers_, ElementsAre("a", "b", "c", "d"));
    EXPECT_EQ(engine_.commits(), 4u);
}

TEST_F(CommitterTest, DoneComesAfterTheValueIsVisible) {
    start();
    std::optional<std::string> seen;
    committer_->submit(1, 1, batch_of("a", "1"),
                       [&](const Result<>&) { seen = engine_.get(Family::twins, "a").value(); });
    run_all();
    EXPECT_EQ(seen, "1");
}

TEST_F(CommitterTest, AfterALossTheStreamsGenerationFailsUnwrittenAndTheNextGoesOn) {
    start({.write_bytes_max = 1});  // each batch a write of its own
    engine_.fail_commits(1, MemoryEngine::Fault::refused);
    submit(1, 7, "a");
    submit(1, 7, "b");
    submit(2, 7, "c");
    run_all();
    submit(1, 6, "d");
    submit(1, 7, "e");
    submit(1, 8, "f");
    run_all();
    EXPECT_THAT(answers_, ElementsAre("a!unavailable", "b!unavailable", "c", "d!unavailable",
                                      "e!unavailable", "f"));
    EXPECT_THAT(keys(), ElementsAre("c", "f"));
}

TEST_F(CommitterTest, AFailedWriteFailsAllThatSharedIt) {
    start();
    engine_.fail_commits(1, MemoryEngine::Fault::refused);
    submit(1, 1, "a");
    submit(2, 1, "b");
    run_all();
    submit(1, 1, "c");
    submit(2, 2, "d");
    run_all();
    EXPECT_THAT(answers_, ElementsAre("a!unavailable", "b!unavailable", "c!unavailable", "d"));
    EXPECT_THAT(keys(), ElementsAre("d"));
}

TEST_F(CommitterTest, AnUnknownFateIsToldAsSuch) {
    start();
    engine_.fail_commits(1, MemoryEngine::Fault::sync_failed);
    submit(1, 1, "a");
    run_all();
    submit(1, 2, "b");
    run_all();
    EXPECT_THAT(answers_, ElementsAre("a!internal", "b!internal"));
    EXPECT_THAT(keys(), ElementsAre());
}

TEST_F(CommitterTest, AnEmptyBatchIsABarrierForItsOwnStream) {
    start();
    engine_.fail_commits(1, MemoryEngine::Fault::refused);
    submit(1, 1, "a");
    submit(1, 1, "a-end", Batch());
    submit(2, 1, "b-end", Batch());
    run_all();
    submit(2, 1, "b");
    run_all();
    EXPECT_THAT(answers_, ElementsAre("a!unavailable", "a-end!unavailable", "b-end", "b"));
    EXPECT_EQ(engine_.commits(), 1u);
}

TEST_F(CommitterTest, AFullQueueRefusesInOrder) {
    start({.queue_bytes_max = 110});
    submit(1, 1, "a", batch_of("a", std::string(60, 'x')));
    submit(1, 1, "b", batch_of("b", std::string(60, 'x')));
    submit(1, 1, "c", batch_of("c", "small"));
    submit(2, 1, "d", batch_of("d", "small"));
    run_all();
    submit(1, 2, "e");
    run_all();
    EXPECT_THAT(answers_, ElementsAre("a", "b!unavailable", "c!unavailable", "d", "e"));
    EXPECT_EQ(committer_->metrics().batches_refused, 1u);
    EXPECT_EQ(committer_->metrics().queue_bytes, 0u);
}

TEST_F(CommitterTest, StopWritesWhatWaitsAndAnswersLaterSubmissionsAtOnce) {
    start({.write_bytes_max = 1});
    submit(1, 1, "a");
    submit(1, 1, "b");
    committer_->stop();
    committer_->stop();
    EXPECT_THAT(answers_, ElementsAre("a", "b"));
    submit(1, 1, "c");
    EXPECT_THAT(answers_, ElementsAre("a", "b", "c!unavailable"));
    EXPECT_THAT(keys(), ElementsAre("a", "b"));
}

TEST_F(CommitterTest, SettledFollowsTheDonesOfEachWrite) {
    start({.settled = [this] { answers_.push_back("settled"); }});
    submit(1, 1, "a");
    submit(2, 1, "b");
    run_all();
    submit(1, 1, "c");
    run_all();
    EXPECT_THAT(answers_, ElementsAre("a", "b", "settled", "c", "settled"));
}

TEST_F(CommitterTest, CountsWhatItDid) {
    start();
    Batch two = batch_of("a");
    two.put(Family::changes, "1", "c");
    const std::size_t bytes = two.bytes() + batch_of("b").bytes();
    submit(1, 1, "a", std::move(two));
    submit(2, 1, "b");
    run_all();
    engine_.fail_commits(1, MemoryEngine::Fault::refused);
    submit(1, 1, "c");
    run_all();
    const CommitterMetrics& metrics = committer_->metrics();
    EXPECT_EQ(metrics.commits, 1u);
    EXPECT_EQ(metrics.commits_failed, 1u);
    EXPECT_EQ(metrics.batches, 2u);
    EXPECT_EQ(metrics.batches_failed, 1u);
    EXPECT_EQ(metrics.records, 3u);
    EXPECT_EQ(metrics.bytes, bytes);
    std::uint64_t timed = 0;
    for (std::size_t i = 0; i < LatencyHistogram::bucket_count; ++i)
        timed += metrics.commit_time.count(i);
    EXPECT_EQ(timed, 1u);
}

TEST(LatencyHistogram, CountsInPowersOfTwo) {
    LatencyHistogram histogram;
    using std::chrono::microseconds;
    for (const int span : {0, 1, 2, 3, 4, 127, 128}) histogram.add(microseconds(span));
    histogram.add(std::chrono::hours(1));
    histogram.add(microseconds(-5));
    EXPECT_EQ(histogram.count(0), 2u);
    EXPECT_EQ(histogram.count(1), 1u);
    EXPECT_EQ(histogram.count(2), 2u);
    EXPECT_EQ(histogram.count(3), 1u);
    EXPECT_EQ(histogram.count(7), 1u);
    EXPECT_EQ(histogram.count(8), 1u);
    EXPECT_EQ(histogram.count(24), 1u);
    EXPECT_EQ(histogram.bucket_microseconds_max(7), 127u);
    EXPECT_EQ(histogram.sum_microseconds(), 265u + 3'600'000'000u);
}

TEST(CommitterThread, WritesAtOnceWhenIdleAndGroupsWhileItSyncs) {
    MemoryEngine engine;
    SystemClock clock;
    Committer committer(engine, clock);
    engine.hold();
    std::atomic<int> done = 0;
    const auto count = [&done](const Result<>& result) { done += result ? 1 : 1000; };
    committer.submit(1, 1, batch_of("first"), count);
    engine.wait_until_held();  // without anything else coming: no delay, no group to fill
    for (int i = 0; i < 50; ++i)
        committer.submit(static_cast<Stream>(i), 1, batch_of(std::to_string(i)), count);
    EXPECT_EQ(engine.get(Family::twins, "first").value(),
              std::nullopt);  // not durable, not visible
    EXPECT_EQ(done, 0);
    engine.release();
    committer.stop();
    EXPECT_EQ(done, 51);
    EXPECT_EQ(engine.commits(), 2u);
}

TEST(CommitterThread, ATurnsSubmissionsShareOneWrite) {
    MemoryEngine engine;
    SystemClock clock;
    Committer committer(engine, clock);
    std::vector<std::string> answers;
    std::vector<Submission> turn;
    for (const char* name : {"a", "b", "c"})
        turn.push_back({turn.size() % 2 ? Stream{1} : Stream{2}, 1, batch_of(name),
                        [&answers, name](const Result<>& result) {
                            if (result) answers.emplace_back(name);
                        }});
    committer.submit(turn);
    EXPECT_TRUE(turn.empty());
    committer.submit(turn);  // of nothing
    committer.stop();
    EXPECT_THAT(answers, ElementsAre("a", "b", "c"));
    EXPECT_EQ(engine.commits(), 1u);
    turn.push_back({1, 1, batch_of("d"), [&answers](const Result<>& result) {
                        answers.push_back(result ? "d" : "d!");
                    }});
    committer.submit(turn);
    EXPECT_THAT(answers, ElementsAre("a", "b", "c", "d!"));
}

TEST(CommitterThread, ManyThreadsEachKeepTheirOrder) {
    constexpr std::uint64_t threads = 8;
    constexpr std::uint64_t each = 500;
    MemoryEngine engine;
    SystemClock clock;
    std::vector<std::vector<std::uint64_t>> seen(threads);  // by the committer's thread alone
    std::uint64_t settled = 0;
    {
        Committer committer(engine, clock, {.write_bytes_max = 400, .settled = [&] { ++settled; }});
        std::vector<std::thread> writers;
        for (std::uint64_t t = 0; t < threads; ++t)
            writers.emplace_back([&, t] {
                for (std::uint64_t i = 0; i < each; ++i)
                    committer.submit(static_cast<Stream>(t), 1,
                                     batch_of("t" + std::to_string(t), std::to_string(i)),
                                     [&seen, t, i](const Result<>& result) {
                                         if (result) seen[t].push_back(i);
                                     });
            });
        for (std::thread& writer : writers) writer.join();
    }
    for (std::uint64_t t = 0; t < threads; ++t) {
        ASSERT_EQ(seen[t].size(), each);
        EXPECT_TRUE(std::ranges::is_sorted(seen[t]));
        EXPECT_EQ(engine.get(Family::twins, "t" + std::to_string(t)).value(),
                  std::to_string(each - 1));
    }
    EXPECT_EQ(settled, engine.commits());
}

TEST(CommitterThread, SubmissionsThatRaceWithStopAreAllAnsweredOnce) {
    MemoryEngine engine;
    SystemClock clock;
    Committer committer(engine, clock);
    std::atomic<int> kept = 0;
    std::atomic<int> refused = 0;
    std::vector<std::thread> threads;
    for (Stream t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                committer.submit(t, 1, batch_of(std::to_string(t) + "-" + std::to_string(i)),
                                 [&](const Result<>& result) { ++(result ? kept : refused); });
                if (t == 0 && i == 100) committer.stop();
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(kept + refused, 800);
    EXPECT_EQ(read_all(engine, Family::twins).size(), static_cast<std::size_t>(kept));
}

// Fails each write in turn: what was answered with success is there, what was refused is not, and
// each stream holds a prefix of what it submitted in each generation.
class FailureSweep : public ::testing::TestWithParam<MemoryEngine::Fault> {};

TEST_P(FailureSweep, FailingAnyWriteLeavesNothingHalfWritten) {
    constexpr std::uint64_t writes = 12;
    for (std::uint64_t nth = 1; nth <= writes + 1; ++nth) {
        MemoryEngine engine;
        SystemClock clock;
        Committer committer(engine, clock, {.threaded = false});
        engine.fail_commits(nth, GetParam());
        std::vector<std::uint64_t> acknowledged;
        std::vector<std::uint64_t> unknown;
        for (std::uint64_t i = 0; i < writes; ++i) {
            Batch batch;
            batch.put(Family::twins, "twin", std::to_string(i));
            batch.put(Family::changes, std::to_string(100 + i), "change");
            committer.submit(1, i, std::move(batch), [&, i](const Result<>& result) {
                if (result) acknowledged.push_back(i);
                else if (result.error().code == Code::internal) unknown.push_back(i);
            });
            committer.run_once();
        }
        for (const std::size_t survives : {std::size_t{0}, std::size_t{1}, ~std::size_t{0}}) {
            const auto found = engine.crash(survives);
            std::vector<std::uint64_t> changes;
            for (const auto& [key, value] : read_all(*found, Family::changes))
                changes.push_back(std::stoull(key) - 100);
            std::vector<std::uint64_t> expected = acknowledged;
            if (survives > 1 && !unknown.empty()) expected.push_back(unknown.front());
            EXPECT_EQ(changes, expected) << nth;
            const auto twin = found->get(Family::twins, "twin").value();
            EXPECT_EQ(twin, changes.empty() ? std::nullopt
                                            : std::optional(std::to_string(changes.back())));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Faults, FailureSweep,
                         ::testing::Values(MemoryEngine::Fault::refused,
                                           MemoryEngine::Fault::sync_failed));

}  // namespace
}  // namespace twinhub::store

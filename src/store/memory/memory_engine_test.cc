#include "store/memory/memory_engine.h"

#include "store/engine_fixtures_for_tests.h"

#include <gtest/gtest.h>

#include <thread>

namespace twinhub::store {
namespace {

TEST(MemoryEngine, ACrashKeepsWhatWasSyncedAndNoPartOfAHeldCommit) {
    for (std::size_t kept = 0;; ++kept) {
        MemoryEngine engine;
        ASSERT_TRUE(put_one(engine, Family::twins, "synced", "1"));
        engine.hold();
        Result<> answer;
        std::thread writer([&] {
            Batch batch;
            batch.put(Family::twins, "held", "1");
            batch.put(Family::changes, "held", "1");
            answer = commit_one(engine, batch);
        });
        engine.wait_until_held();
        const std::size_t unsynced = engine.unsynced_bytes();
        ASSERT_GT(unsynced, 0u);
        const auto found = engine.crash(kept);
        writer.join();
        EXPECT_EQ(answer.error().code, Code::internal);
        const bool whole = kept >= unsynced;
        EXPECT_EQ(found->get(Family::twins, "synced").value(), "1");
        EXPECT_EQ(found->get(Family::twins, "held").value().has_value(), whole);
        EXPECT_EQ(found->get(Family::changes, "held").value().has_value(), whole);
        ASSERT_TRUE(put_one(*found, Family::twins, "next", "1"));
        EXPECT_EQ(found->crash()->get(Family::twins, "next").value(), "1");
        if (whole) break;
    }
}

TEST(MemoryEngine, ALyingDiskLosesWhatItAnswered) {
    MemoryEngine engine;
    ASSERT_TRUE(put_one(engine, Family::twins, "a", "1"));
    engine.set_synced(false);
    ASSERT_TRUE(put_one(engine, Family::twins, "b", "1"));
    ASSERT_TRUE(put_one(engine, Family::twins, "c", "1"));
    EXPECT_EQ(read_all(engine, Family::twins).size(), 3u);
    const std::size_t unsynced = engine.unsynced_bytes();
    EXPECT_EQ(read_all(*engine.crash(unsynced - 1), Family::twins),
              (Pairs{{"a", "1"}, {"b", "1"}}));
    EXPECT_EQ(read_all(*engine.crash(), Family::twins), (Pairs{{"a", "1"}}));
}

TEST(MemoryEngine, FailsTheCommitsThatItWasToldToFail) {
    MemoryEngine engine;
    engine.fail_commits(2, MemoryEngine::Fault::refused, 2);
    EXPECT_TRUE(put_one(engine, Family::twins, "1", ""));
    EXPECT_EQ(put_one(engine, Family::twins, "2", "").error().code, Code::unavailable);
    EXPECT_EQ(put_one(engine, Family::twins, "3", "").error().code, Code::unavailable);
    EXPECT_TRUE(put_one(engine, Family::twins, "4", ""));
    EXPECT_EQ(read_all(engine, Family::twins), (Pairs{{"1", ""}, {"4", ""}}));
}

TEST(MemoryEngine, AfterAFailedSyncItTakesNothingUntilItIsOpenedAgain) {
    MemoryEngine engine;
    engine.fail_commits(1, MemoryEngine::Fault::sync_failed);
    EXPECT_EQ(put_one(engine, Family::twins, "a", "").error().code, Code::internal);
    EXPECT_EQ(put_one(engine, Family::twins, "b", "").error().code, Code::internal);
    EXPECT_EQ(engine.flush().error().code, Code::internal);
    EXPECT_TRUE(engine.statistics().writes_failed);
    EXPECT_EQ(engine.get(Family::twins, "a").value(), std::nullopt);
    const auto found = engine.crash(engine.unsynced_bytes());
    EXPECT_EQ(read_all(*found, Family::twins), (Pairs{{"a", ""}}));
    EXPECT_TRUE(put_one(*found, Family::twins, "b", ""));
}

TEST(MemoryEngine, AColdOneSendsCachedReadsToTheDisk) {
    MemoryEngine engine;
    ASSERT_TRUE(put_one(engine, Family::twins, "a", "1"));
    engine.set_cold(true);
    EXPECT_EQ(engine.get_cached(Family::twins, "a").outcome, Cached::Outcome::ask_disk);
    EXPECT_EQ(engine.get(Family::twins, "a").value(), "1");
    engine.set_cold(false);
    engine.fail_reads(true);
    EXPECT_EQ(engine.get_cached(Family::twins, "a").outcome, Cached::Outcome::ask_disk);
    EXPECT_EQ(engine.get(Family::twins, "a").error().code, Code::internal);
    const auto cursor = engine.scan(Family::twins, {});
    cursor->seek_first();
    EXPECT_FALSE(cursor->valid());
    EXPECT_EQ(cursor->status().error().code, Code::internal);
}

TEST(MemoryEngine, AFlushShortensTheLogAndLosesNothing) {
    MemoryEngine engine;
    ASSERT_TRUE(put_one(engine, Family::twins, "a", "1"));
    ASSERT_TRUE(engine.flush());
    EXPECT_EQ(engine.statistics().log_bytes, 0u);
    ASSERT_TRUE(put_one(engine, Family::twins, "b", "1"));
    EXPECT_EQ(read_all(*engine.crash(), Family::twins), (Pairs{{"a", "1"}, {"b", "1"}}));
}

}  // namespace
}  // namespace twinhub::store

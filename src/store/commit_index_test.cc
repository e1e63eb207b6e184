#include "store/commit_index.h"

#include "base/encoding.h"
#include "store/committer.h"
#include "store/engine_fixtures_for_tests.h"
#include "store/keys.h"
#include "store/record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::store {
namespace {

Batch change(Slot slot, std::uint64_t sequence) {
    Batch batch;
    batch.put(Family::changes, change_key(slot, sequence), "c");
    batch.put(Family::twins, "t", "v");
    return batch;
}

CommitRow row_of(const MemoryEngine& engine, std::uint64_t number) {
    const std::string key = commit_key(number);
    const auto value = engine.get(Family::metadata, key).value();
    return value ? open_commit(key, *value).value() : CommitRow{};
}

class Indexed : public ::testing::Test {
protected:
    void start() {
        committer_.reset();
        committer_.emplace(engine_, clock_,
                           CommitterOptions{.index_changes = true,
                                            .indexed = [this](std::uint64_t n) { news_ = n; },
                                            .threaded = false});
    }
    bool write(std::vector<Batch> batches) {
        bool durable = true;
        Stream stream = 0;
        for (Batch& batch : batches)
            committer_->submit(
                ++stream, generation_, std::move(batch),
                [&durable](const Result<>& result) { durable &= result.has_value(); });
        while (committer_->run_once()) {}
        if (!durable) ++generation_;
        return durable;
    }

    MemoryEngine engine_;
    SystemClock clock_;
    std::uint64_t generation_ = 1;
    std::uint64_t news_ = 0;
    std::optional<Committer> committer_;
};

// These vectors are the disk format.
TEST(CommitIndex, IsLaidOutAsItAlwaysWas) {
    EXPECT_EQ(hex_encode(commit_key(0x0102030405060708)), "6e0102030405060708");
    const CommitRow row{.at = Instant{Ticks{100}}, .parts = {{2, 5, 5}, {258 - 3, 7, 300}}};
    std::string value;
    seal_commit(value, commit_key(1), row);
    EXPECT_EQ(hex_encode(std::string_view(value).substr(frame_bytes)), "c80102020500fd0107a502");
    EXPECT_EQ(static_cast<unsigned char>(value[1]), 40);
    EXPECT_EQ(open_commit(commit_key(1), value).value(), row);
    EXPECT_EQ(row.changes(), 295u);
}

TEST(CommitIndex, DamageIsToldByName) {
    std::string value;
    const std::string key = commit_key(1);
    seal_commit(value, key, {.at = {}, .parts = {{2, 5, 5}}});
    EXPECT_EQ(open_commit(commit_key(2), value).error().code, Code::corrupted);
    for (const char* body : {"00", "00010105", "0001ff7f0500", "0001010000"}) {
        const std::string bytes = sealed(Kind::commit, 1, key, *hex_decode(body));
        EXPECT_EQ(open_commit(key, bytes).error().code, Code::corrupted) << body;
    }
}

RC_GTEST_PROP(CommitIndex, AnyBytesAreAnswered, (const std::string& body)) {
    const std::string key = commit_key(1);
    const auto row = open_commit(key, sealed(Kind::commit, 1, key, body));
    RC_ASSERT((row.has_value() || row.error().code == Code::corrupted));
}

TEST_F(Indexed, AWriteWithChangesLeavesOneRow) {
    start();
    Batch both = change(3, 8);
    both.append(change(1, 4));
    ASSERT_TRUE(write({change(3, 7), std::move(both), change(200, 1)}));
    EXPECT_EQ(row_of(engine_, 1).parts,
              (std::vector<CommitPart>{{1, 4, 4}, {3, 7, 8}, {200, 1, 1}}));
    EXPECT_EQ(news_, 1u);
    Batch none;
    none.put(Family::twins, "t", "v");
    none.remove(Family::changes, change_key(3, 7));
    ASSERT_TRUE(write({std::move(none)}));
    EXPECT_EQ(last_commit(engine_).value(), 1u);
    EXPECT_EQ(news_, 1u);
}

TEST_F(Indexed, NumbersGoOnWithoutAHoleOverLossesAndRestarts) {
    start();
    ASSERT_TRUE(write({change(1, 1)}));
    engine_.fail_commits(1, MemoryEngine::Fault::refused);
    EXPECT_FALSE(write({change(1, 2), change(2, 1)}));
    ASSERT_TRUE(write({change(5, 2)}));
    EXPECT_EQ(row_of(engine_, 2).parts, (std::vector<CommitPart>{{5, 2, 2}}));
    start();
    ASSERT_TRUE(write({change(6, 1)}));
    EXPECT_EQ(last_commit(engine_).value(), 3u);
    EXPECT_EQ(news_, 3u);
}

TEST_F(Indexed, AStoreWhoseIndexCannotBeReadTakesNoChanges) {
    start();
    engine_.fail_reads(true);
    EXPECT_FALSE(write({change(1, 1)}));
    engine_.fail_reads(false);
    EXPECT_TRUE(write({change(1, 1)}));
    EXPECT_EQ(last_commit(engine_).value(), 1u);
}

}  // namespace
}  // namespace twinhub::store

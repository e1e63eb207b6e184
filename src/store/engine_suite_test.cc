#include "store/engine_fixtures_for_tests.h"

#include <gtest/gtest.h>

// What every engine promises, asked of each of them.
namespace twinhub::store {
namespace {

template <class Fixture>
class EngineSuite : public ::testing::Test {
protected:
    Engine& engine() { return fixture_.engine(); }
    Fixture fixture_;
};
using Fixtures = ::testing::Types<MemoryFixture, RocksDbFixture>;
struct Names {
    template <class Fixture>
    static std::string GetName(int) {
        return std::is_same_v<Fixture, MemoryFixture> ? "memory" : "rocksdb";
    }
};
TYPED_TEST_SUITE(EngineSuite, Fixtures, Names);

TYPED_TEST(EngineSuite, GivesBackWhatWasCommitted) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "a", "1"));
    EXPECT_EQ(this->engine().get(Family::twins, "a").value(), std::optional<std::string>("1"));
    EXPECT_EQ(this->engine().get(Family::twins, "b").value(), std::optional<std::string>());
    EXPECT_EQ(this->engine().get(Family::identities, "a").value(), std::optional<std::string>());
}

TYPED_TEST(EngineSuite, KeepsAnyBytes) {
    const std::string key("\0\xff\0", 3);
    const std::string value("\xff\0\xff", 3);
    ASSERT_TRUE(put_one(this->engine(), Family::changes, key, value));
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "empty", ""));
    EXPECT_EQ(this->engine().get(Family::changes, key).value(), std::optional<std::string>(value));
    EXPECT_EQ(this->engine().get(Family::twins, "empty").value(), std::optional<std::string>(""));
}

TYPED_TEST(EngineSuite, AppliesManyBatchesInOrderAsOneCommit) {
    ASSERT_TRUE(put_one(this->engine(), Family::changes, "1", "old"));
    Batch first;
    first.put(Family::twins, "a", "1");
    first.put(Family::twins, "b", "1");
    first.put(Family::changes, "1", "new");
    Batch second;
    second.remove(Family::twins, "a");
    second.put(Family::twins, "b", "2");
    const Batch* batches[] = {&first, &second};
    ASSERT_TRUE(this->engine().commit(batches));
    EXPECT_EQ(read_all(this->engine(), Family::twins), (Pairs{{"b", "2"}}));
    EXPECT_EQ(read_all(this->engine(), Family::changes), (Pairs{{"1", "new"}}));
}

TYPED_TEST(EngineSuite, ACommitOfNothingSucceeds) {
    EXPECT_TRUE(commit_one(this->engine(), Batch()));
    EXPECT_TRUE(this->engine().commit({}));
}

TYPED_TEST(EngineSuite, RemovesARangeWithoutItsEnd) {
    Batch batch;
    for (const char* key : {"a", "b", "c", "d"}) batch.put(Family::changes, key, key);
    batch.put(Family::twins, "b", "other family");
    batch.remove_range(Family::changes, "b", "d");
    ASSERT_TRUE(commit_one(this->engine(), batch));
    EXPECT_EQ(read_all(this->engine(), Family::changes), (Pairs{{"a", "a"}, {"d", "d"}}));
    EXPECT_EQ(read_all(this->engine(), Family::twins).size(), 1u);
    ASSERT_TRUE(put_one(this->engine(), Family::changes, "c", "again"));
    EXPECT_EQ(this->engine().get(Family::changes, "c").value(),
              std::optional<std::string>("again"));
}

TYPED_TEST(EngineSuite, CachedReadsKnowWhatIsInMemory) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "a", "1"));
    const Cached found = this->engine().get_cached(Family::twins, "a");
    EXPECT_EQ(found.outcome, Cached::Outcome::found);
    EXPECT_EQ(found.value, "1");
    EXPECT_EQ(this->engine().get_cached(Family::twins, "b").outcome, Cached::Outcome::absent);
}

TYPED_TEST(EngineSuite, CachedReadsAgreeWithTheDiskOrSendThere) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "a", "1"));
    ASSERT_TRUE(this->engine().flush());
    this->fixture_.reopen();
    const Cached cold = this->engine().get_cached(Family::twins, "a");
    EXPECT_NE(cold.outcome, Cached::Outcome::absent);
    ASSERT_EQ(this->engine().get(Family::twins, "a").value(), std::optional<std::string>("1"));
    EXPECT_EQ(this->engine().get_cached(Family::twins, "a").outcome, Cached::Outcome::found);
}

TYPED_TEST(EngineSuite, ScansBothWaysInsideTheRange) {
    Batch batch;
    for (const char* key : {"a", "b", "c", "d", "e"}) batch.put(Family::twins, key, "");
    ASSERT_TRUE(commit_one(this->engine(), batch));
    const auto cursor = this->engine().scan(Family::twins, {"b", "e"});
    EXPECT_FALSE(cursor->valid());
    EXPECT_EQ(read_all(*cursor), (Pairs{{"b", ""}, {"c", ""}, {"d", ""}}));
    EXPECT_EQ(read_all(*cursor, true), (Pairs{{"d", ""}, {"c", ""}, {"b", ""}}));
    cursor->seek("c");
    ASSERT_TRUE(cursor->valid());
    cursor->next();
    EXPECT_EQ(cursor->key(), "d");
    cursor->previous();
    cursor->previous();
    EXPECT_EQ(cursor->key(), "b");
    cursor->previous();
    EXPECT_FALSE(cursor->valid());
}

struct SeekCase {
    const char* sought;
    const char* forward;  // "" : nothing
    const char* backward;
};

TYPED_TEST(EngineSuite, SeeksToTheNearestKeyInsideTheRange) {
    Batch batch;
    for (const char* key : {"a", "c", "e", "g"}) batch.put(Family::twins, key, "");
    ASSERT_TRUE(commit_one(this->engine(), batch));
    const auto cursor = this->engine().scan(Family::twins, {"b", "f"});
    for (const auto& [sought, forward, backward] :
         {SeekCase{"", "c", ""}, SeekCase{"a", "c", ""}, SeekCase{"b", "c", ""},
          SeekCase{"c", "c", "c"}, SeekCase{"d", "e", "c"}, SeekCase{"e", "e", "e"},
          SeekCase{"e1", "", "e"}, SeekCase{"f", "", "e"}, SeekCase{"g", "", "e"},
          SeekCase{"z", "", "e"}}) {
        cursor->seek(sought);
        EXPECT_EQ(cursor->valid() ? cursor->key() : "", forward) << sought;
        cursor->seek_backward(sought);
        EXPECT_EQ(cursor->valid() ? cursor->key() : "", backward) << sought;
        EXPECT_TRUE(cursor->status());
    }
}

TYPED_TEST(EngineSuite, AnEmptyOrBackwardRangeHoldsNothing) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "b", ""));
    for (const Range& range : {Range{"b", "b"}, Range{"c", "a"}, Range{"c", ""}, Range{"", "b"}}) {
        const auto cursor = this->engine().scan(Family::twins, range);
        EXPECT_EQ(read_all(*cursor), Pairs());
        EXPECT_EQ(read_all(*cursor, true), Pairs());
        for (const char* key : {"", "a", "b", "c", "d"}) {
            cursor->seek(key);
            EXPECT_FALSE(cursor->valid());
            cursor->seek_backward(key);
            EXPECT_FALSE(cursor->valid());
        }
    }
}

TYPED_TEST(EngineSuite, FindsTheLastKeyOfARange) {
    Batch batch;
    for (const char* key : {"a1", "a2", "b1"}) batch.put(Family::changes, key, "");
    ASSERT_TRUE(commit_one(this->engine(), batch));
    EXPECT_EQ(this->engine().last_key(Family::changes, {"a", "b"}).value(),
              std::optional<std::string>("a2"));
    EXPECT_EQ(this->engine().last_key(Family::changes, {}).value(),
              std::optional<std::string>("b1"));
    EXPECT_EQ(this->engine().last_key(Family::changes, {"c", ""}).value(),
              std::optional<std::string>());
}

TYPED_TEST(EngineSuite, RemovesManyRangesAmongKeysOfOneBeginning) {
    const auto key = [](int i) { return "slot-" + std::to_string(1000 + i); };
    for (int i = 0; i < 200; i += 2) {
        Batch batch;
        for (int j : {i, i + 1}) batch.put(Family::changes, key(j), "x");
        batch.remove_range(Family::changes, key(i), key(i + 1));
        ASSERT_TRUE(commit_one(this->engine(), batch));
    }
    const Pairs left = read_all(this->engine(), Family::changes);
    ASSERT_EQ(left.size(), 100u);
    EXPECT_EQ(left.front().first, key(1));
    EXPECT_EQ(left.back().first, key(199));
}

TYPED_TEST(EngineSuite, ASnapshotKeepsAllFamiliesAsTheyWere) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "a", "1"));
    const auto snapshot = this->engine().snapshot();
    const auto cursor = this->engine().scan(Family::twins, {});
    Batch batch;
    batch.put(Family::twins, "a", "2");
    batch.put(Family::twins, "b", "2");
    batch.put(Family::changes, "1", "later");
    ASSERT_TRUE(commit_one(this->engine(), batch));
    EXPECT_EQ(snapshot->get(Family::twins, "a").value(), std::optional<std::string>("1"));
    EXPECT_EQ(snapshot->get(Family::changes, "1").value(), std::optional<std::string>());
    EXPECT_EQ(read_all(*snapshot->scan(Family::twins, {})), (Pairs{{"a", "1"}}));
    EXPECT_EQ(read_all(*cursor), (Pairs{{"a", "1"}}));
    EXPECT_EQ(read_all(this->engine(), Family::twins), (Pairs{{"a", "2"}, {"b", "2"}}));
}

TYPED_TEST(EngineSuite, ACursorOutlivesItsSnapshot) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "a", "1"));
    auto snapshot = this->engine().snapshot();
    const auto cursor = snapshot->scan(Family::twins, {});
    snapshot.reset();
    EXPECT_EQ(read_all(*cursor), (Pairs{{"a", "1"}}));
}

TYPED_TEST(EngineSuite, EverythingCommittedIsThereAfterAReopen) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "flushed", "1"));
    ASSERT_TRUE(this->engine().flush());
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "logged", "2"));
    this->fixture_.reopen();
    EXPECT_EQ(read_all(this->engine(), Family::twins), (Pairs{{"flushed", "1"}, {"logged", "2"}}));
}

TYPED_TEST(EngineSuite, IngestsASortedRunOverOlderValues) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "b", "old"));
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "c", "kept"));
    const Pairs run{{"a", "1"}, {"b", "2"}};
    ASSERT_TRUE(this->engine().ingest(Family::twins, source_of(run)));
    const Pairs expected{{"a", "1"}, {"b", "2"}, {"c", "kept"}};
    EXPECT_EQ(read_all(this->engine(), Family::twins), expected);
    this->fixture_.reopen();
    EXPECT_EQ(read_all(this->engine(), Family::twins), expected);
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "b", "newer"));
    EXPECT_EQ(this->engine().get(Family::twins, "b").value(), std::optional<std::string>("newer"));
}

TYPED_TEST(EngineSuite, RefusesARunOutOfOrderAsAWhole) {
    for (const Pairs& run : {Pairs{{"b", "1"}, {"a", "2"}}, Pairs{{"a", "1"}, {"a", "2"}}})
        EXPECT_EQ(this->engine().ingest(Family::twins, source_of(run)).error().code,
                  Code::argument_invalid);
    EXPECT_EQ(read_all(this->engine(), Family::twins), Pairs());
}

TYPED_TEST(EngineSuite, AnErrorOfTheSourceAbandonsTheRun) {
    int calls = 0;
    const Source source = [&calls]() -> Result<std::optional<Entry>> {
        if (++calls == 1) return Entry{"a", "1"};
        return failure(Code::format_invalid, "line 2");
    };
    EXPECT_EQ(this->engine().ingest(Family::twins, source).error().message, "line 2");
    EXPECT_EQ(read_all(this->engine(), Family::twins), Pairs());
    EXPECT_TRUE(this->engine().ingest(Family::twins, source_of({})));
}

TYPED_TEST(EngineSuite, SaysHowMuchItHolds) {
    ASSERT_TRUE(put_one(this->engine(), Family::twins, "a", std::string(1000, 'x')));
    const Statistics statistics = this->engine().statistics();
    EXPECT_EQ(statistics.families[static_cast<std::size_t>(Family::twins)].keys_estimated, 1u);
    EXPECT_GE(statistics.families[static_cast<std::size_t>(Family::twins)].memory_bytes, 1000u);
    EXPECT_GE(statistics.log_bytes, 1000u);
    EXPECT_FALSE(statistics.writes_failed);
}

}  // namespace
}  // namespace twinhub::store

// What a shard does by itself: documents written late, watermarks, recovery, retention, eviction.
#include "hub/history_retention.h"
#include "hub/testing/test_hub.h"

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using store::Family;

// Up to which sequence the stored documents hold the changes of a slot.
std::uint64_t watermark(TestHub& hub, Slot slot) {
    const std::string key = checkpoint_key(slot);
    const auto value = hub.engine().get(Family::metadata, key).value();
    if (!value) return 0;
    ByteReader reader(
        store::open(store::Kind::checkpoint, checkpoint_format, "metadata", key, *value)->body);
    return reader.varint();
}

State stored(TestHub& hub, const TwinId& id) {
    const std::string key = store::twin_key(id);
    const std::string value = *hub.engine().get(Family::twins, key).value();
    State state;
    EXPECT_TRUE(decode_twin_record(
        store::open(store::Kind::twin, twin_record_format, "twins", key, value)->body, state));
    return state;
}

std::vector<std::uint64_t> sequences(TestHub& hub, Slot slot) {
    std::vector<std::uint64_t> found;
    const auto cursor = hub.engine().scan(Family::changes, store::slot_range(slot));
    for (cursor->seek_first(); cursor->valid(); cursor->next())
        found.push_back(store::parse_change_key(cursor->key())->sequence);
    return found;
}

std::string tag(int n) { return R"({"tags":{"n":)" + std::to_string(n) + "}}"; }

const TwinId d1 = id_of("d1");
const Slot slot = slot_of(d1.device);

TEST(Checkpoint, ADocumentIsWrittenWhenItsChangeHasLivedLongEnoughInTheLog) {
    TestHub hub(Settings{.checkpoint_age = 5s});
    hub.create(spec_of("d1"));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(hub.patch(d1, tag(i)));
    hub.tick_for(4s);
    EXPECT_EQ(stored(hub, d1).sequence, 1u);
    EXPECT_EQ(watermark(hub, slot), 1u);
    hub.tick_for(4s);
    EXPECT_EQ(stored(hub, d1).sequence, 11u);
    EXPECT_EQ(stored(hub, d1).ordinal, 11u);
    EXPECT_EQ(stored(hub, d1).twin, hub.view(d1).twin);
    EXPECT_EQ(watermark(hub, slot), 11u);
    EXPECT_EQ(hub.metrics().checkpoints.Value(), 1.0);
    EXPECT_EQ(hub.metrics().twins_changed.Value(), 0.0);
}

TEST(Checkpoint, TheWatermarkStaysBelowTheOldestUnwrittenChange) {
    TestHub hub(Settings{.checkpoint_age = 5s}, 1);
    // Two devices of one slot.
    std::string other;
    for (int i = 0; other.empty(); ++i) {
        const std::string text = "x" + std::to_string(i);
        if (slot_of(DeviceId::parse(text).value()) == slot) other = text;
    }
    hub.create(spec_of("d1"));           // sequence 1
    hub.create(spec_of(other));          // 2
    ASSERT_TRUE(hub.patch(d1, tag(1)));  // 3
    hub.tick_for(3s);
    ASSERT_TRUE(hub.patch(id_of(other), tag(1)));  // 4
    ASSERT_TRUE(hub.patch(id_of(other), tag(2)));  // 5
    hub.tick_for(1s);
    EXPECT_EQ(watermark(hub, slot), 2u);
    hub.tick_for(2s);
    EXPECT_EQ(watermark(hub, slot), 3u);
    hub.tick_for(5s);
    EXPECT_EQ(watermark(hub, slot), 5u);
}

TEST(Checkpoint, WithNoRoomForChangedTwinsEveryWriteIsWhole) {
    TestHub hub(Settings{.checkpoint_twins_max = 0, .checkpoint_age = 1h});
    hub.create(spec_of("d1"));
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(hub.patch(d1, tag(i)));
        EXPECT_EQ(stored(hub, d1).twin, hub.view(d1).twin);
    }
    hub.tick(1s);
    EXPECT_EQ(watermark(hub, slot), 6u);
}

TEST(Checkpoint, ManyChangedTwinsAreWrittenBeforeTheirTime) {
    TestHub hub(Settings{.checkpoint_twins_max = 3, .checkpoint_age = 1h}, 1);
    for (int i = 0; i < 10; ++i) {
        hub.create(spec_of("d" + std::to_string(i)));
        ASSERT_TRUE(hub.patch(id_of("d" + std::to_string(i)), tag(1)));
    }
    hub.tick(1s);
    hub.tick(1s);
    EXPECT_LE(hub.metrics().twins_changed.Value(), 3.0);
    EXPECT_GE(hub.metrics().twins_changed.Value(), 1.0);
}

// A document written late must never come to stand behind something newer in the log.
TEST(Checkpoint, DoesNotBringBackWhatIsBeingDeletedOrMadeAnew) {
    for (const bool anew : {false, true}) {
        TestHub hub(Settings{.checkpoint_age = 1s});
        hub.create(spec_of("d1"));
        ASSERT_TRUE(hub.patch(d1, tag(1)));
        hub.hold();
        const auto removed = hub.begin(hub.registry().remove(d1, twin::Match::any(), author_of()));
        hub.settle();
        std::optional<Answer<Result<IdentityView>>> created;
        if (anew) created = hub.begin(hub.registry().create(spec_of("d1"), author_of()));
        hub.clock().advance(10s);
        hub.shard(d1).tick();
        hub.release();
        hub.settle();
        hub.tick_for(3s);
        ASSERT_TRUE(removed.get());
        EXPECT_EQ(hub.engine().get(Family::twins, store::twin_key(d1)).value().has_value(), anew);
        EXPECT_EQ(wrong_with(hub), "");
        ASSERT_TRUE(hub.crash());
        EXPECT_EQ(wrong_with(hub), "");
    }
}

TEST(Checkpoint, ALostOneIsWrittenAgain) {
    TestHub hub(Settings{.checkpoint_age = 1s});
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(d1, tag(1)));
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused, 3);
    hub.tick_for(10s);
    EXPECT_EQ(stored(hub, d1).twin, hub.view(d1).twin);
    EXPECT_EQ(watermark(hub, slot), 2u);
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Recovery, SaysHowManyTwinsItHasRead) {
    TestHub hub;
    EXPECT_EQ(hub.progress().twins, 0u);
    for (const char* device : {"d1", "d2", "d3"}) hub.create(spec_of(device));
    hub.create(spec_of("d2", "m"));
    ASSERT_TRUE(hub.restart(3));
    EXPECT_EQ(hub.progress().twins, 4u);
    EXPECT_EQ(hub.progress().read, 4u);
}

TEST(Recovery, ReplaysOnlyWhatNoDocumentHolds) {
    TestHub hub(Settings{.checkpoint_age = 5s});
    hub.create(spec_of("d1"));
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(hub.patch(d1, tag(i)));
    hub.tick_for(7s);
    ASSERT_EQ(watermark(hub, slot), 6u);
    // What lies below the watermark is not needed to start.
    store::Batch batch;
    for (std::uint64_t sequence = 1; sequence <= 6; ++sequence)
        batch.remove(Family::changes, store::change_key(slot, sequence));
    ASSERT_TRUE(hub.patch(d1, tag(7)));
    const twin::Twin before = hub.view(d1).twin;
    const store::Batch* batches[] = {&batch};
    ASSERT_TRUE(hub.engine().commit(batches));
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(hub.view(d1).twin, before);
    ASSERT_TRUE(hub.patch(d1, tag(8)));
    EXPECT_EQ(sequences(hub, slot), (std::vector<std::uint64_t>{7, 8}));
}

TEST(Recovery, GivesTheSameWhateverTheNumberOfLoopsAndHoweverOftenItIsCutOff) {
    TestHub hub(Settings{.checkpoint_age = 3s}, 3);
    for (int i = 0; i < 30; ++i) {
        const std::string device = "d" + std::to_string(i);
        hub.create(spec_of(device));
        ASSERT_TRUE(hub.patch(id_of(device), tag(i)));
        hub.begin_report(id_of(device), R"({"n":1})");
        if (i % 10 == 9) hub.tick_for(2s);
    }
    hub.settle();
    for (const std::size_t loops : {1u, 4u, 2u, 7u, 7u}) {
        ASSERT_TRUE(hub.crash(loops));
        EXPECT_EQ(wrong_with(hub), "") << loops;
        ASSERT_TRUE(hub.patch(d1, tag(100)));
    }
}

TEST(Recovery, EveryChangeNotYetInADocumentIsWrittenAfterwards) {
    TestHub hub(Settings{.checkpoint_age = 5s});
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(d1, tag(1)));
    ASSERT_TRUE(hub.crash());
    hub.tick_for(7s);
    EXPECT_EQ(stored(hub, d1).sequence, 2u);
    EXPECT_EQ(watermark(hub, slot), 2u);
}

// --- retention ----------------------------------------------------------------------------------

TEST(Retention, ForgetsTheOldBeyondTheNewest) {
    TestHub hub(Settings{.history_age = 24h, .history_count = 3, .checkpoint_age = 1s}, 1);
    hub.create(spec_of("d1"));
    for (int i = 0; i < 9; ++i) ASSERT_TRUE(hub.patch(d1, tag(i)));
    hub.tick_for(300s);
    EXPECT_EQ(sequences(hub, slot).size(), 10u);  // young
    hub.clock().advance(25h);
    ASSERT_TRUE(hub.patch(d1, tag(10)));
    hub.tick_for(300s);  // comes by every slot
    EXPECT_EQ(sequences(hub, slot), (std::vector<std::uint64_t>{9, 10, 11}));
    EXPECT_EQ(hub.metrics().changes_expired.Value(), 8.0);
    const twin::Twin before = hub.view(d1).twin;
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(hub.view(d1).twin, before);
    ASSERT_TRUE(hub.patch(d1, tag(11)));
    EXPECT_EQ(sequences(hub, slot).back(), 12u);
}

TEST(Retention, KeepsWhatRecoveryNeeds) {
    TestHub hub(
        Settings{.history_age = 1h, .history_count = 0, .checkpoint_age = std::chrono::hours{1000}},
        1);
    hub.create(spec_of("d1"));
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(hub.patch(d1, tag(i)));
    hub.clock().advance(2h);
    hub.tick_for(300s);
    EXPECT_EQ(sequences(hub, slot),
              (std::vector<std::uint64_t>{2, 3, 4, 5, 6}));  // creation wrote a document
    const twin::Twin before = hub.view(d1).twin;
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(hub.view(d1).twin, before);
}

TEST(Retention, WhatIsGoneIsForgottenByAgeAlone) {
    TestHub hub(Settings{.history_age = 24h, .history_count = 100, .checkpoint_age = 1s}, 1);
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(d1, tag(1)));
    ASSERT_TRUE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    hub.tick_for(300s);
    EXPECT_EQ(sequences(hub, slot).size(), 3u);
    hub.clock().advance(25h);
    hub.create(spec_of("d1"));  // another life does not keep the past of this one
    hub.tick_for(300s);
    EXPECT_EQ(sequences(hub, slot), std::vector<std::uint64_t>{4});
    // With nothing left in the log the numbers still go on.
    ASSERT_TRUE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    hub.clock().advance(25h);
    hub.tick_for(600s);
    EXPECT_TRUE(sequences(hub, slot).empty());
    ASSERT_TRUE(hub.crash());
    hub.create(spec_of("d1"));
    EXPECT_EQ(sequences(hub, slot), std::vector<std::uint64_t>{6});
}

TEST(Retention, AMarkThatWasNotStoredLetsNothingGo) {
    TestHub hub(Settings{.history_age = 1h, .history_count = 0, .checkpoint_age = 1s}, 1);
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    hub.clock().advance(2h);
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    hub.tick_for(300s);
    EXPECT_TRUE(sequences(hub, slot).empty());
    ASSERT_TRUE(hub.crash());
    hub.create(spec_of("d1"));
    EXPECT_EQ(sequences(hub, slot), std::vector<std::uint64_t>{3});
}

TEST(Retention, KeepsUpWithABusyHub) {
    TestHub hub(Settings{.history_age = 1h, .history_count = 1, .checkpoint_age = 1s}, 1);
    hub.create(spec_of("d1"));
    for (int i = 0; i < 5000; ++i) {
        hub.begin_patch(d1, tag(i));
        if (i % 500 == 0) hub.settle();
    }
    hub.settle();
    hub.tick_for(5s);
    hub.clock().advance(2h);
    hub.tick_for(280s);
    EXPECT_EQ(sequences(hub, slot), std::vector<std::uint64_t>{5001});
}

TEST(Retention, LooksAtABoundedNumberAndGoesOnThere) {
    TestHub hub(Settings{.checkpoint_age = 1s}, 1);
    hub.create(spec_of("d1"));
    for (int i = 0; i < 2500; ++i) hub.begin_patch(d1, tag(i));
    hub.settle();
    hub.tick_for(5s);
    RetentionJob job{.slot = slot,
                     .from = 0,
                     .last = 2501,
                     .older_than = hub.clock().now() + 1h,
                     .keep_newest = 10};
    const Expired first = *find_expired(hub.engine(), job);
    EXPECT_EQ(first.expired.size(), 2000u);
    EXPECT_EQ(first.next, 2001u);
    job.from = first.next;
    const Expired second = *find_expired(hub.engine(), job);
    EXPECT_EQ(second.expired.size(), 491u);
    EXPECT_EQ(second.next, 0u);
}

// --- memory -------------------------------------------------------------------------------------

double cached(TestHub& hub) { return hub.metrics().twins_cached.Value(); }

TEST(Memory, HoldsNoMoreCleanTwinsThanAllowed) {
    TestHub hub(Settings{.cached_twins_max = 10, .checkpoint_age = 1s});
    for (int i = 0; i < 50; ++i) hub.create(spec_of("d" + std::to_string(i)));
    hub.tick_for(3s);
    EXPECT_LE(cached(hub), 10.0);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(hub.view(id_of("d" + std::to_string(i))).twin.versions.version, 2u);
    hub.tick_for(3s);
    EXPECT_LE(cached(hub), 10.0);
}

TEST(Memory, LetsGoOfWhatNobodyAskedFor) {
    TestHub hub(Settings{.checkpoint_age = 1s});
    for (int i = 0; i < 5; ++i) hub.create(spec_of("d" + std::to_string(i)));
    for (int i = 0; i < 40; ++i) {
        hub.view(d1);
        hub.tick(1s);
    }
    EXPECT_EQ(cached(hub), 1.0);
}

TEST(Memory, KeepsWhatIsChangedOrOnItsWay) {
    TestHub hub(Settings{.cached_twins_max = 0, .checkpoint_age = 1h}, 1);
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(d1, tag(1)));
    const twin::Twin before = hub.view(d1).twin;
    hub.tick_for(40s);
    EXPECT_EQ(cached(hub), 1.0);
    EXPECT_EQ(hub.view(d1).twin, before);
    hub.hold();
    const auto pending = hub.begin_patch(d1, tag(2));
    hub.settle();
    hub.tick_for(40s);
    EXPECT_EQ(hub.view(d1).twin, before);
    hub.release();
    hub.settle();
    EXPECT_EQ(hub.view(d1).twin, pending.get()->twin);
}

TEST(Memory, DoesNotRememberIdsThatNobodyHas) {
    TestHub hub;
    for (int i = 0; i < 100; ++i)
        EXPECT_FALSE(hub.run(hub.twins().get(id_of("nobody" + std::to_string(i)))));
    hub.engine().set_cold(true);
    for (int i = 0; i < 100; ++i)
        EXPECT_FALSE(hub.run(hub.twins().get(id_of("nobody" + std::to_string(i)))));
    hub.tick(1s);
    EXPECT_EQ(cached(hub), 0.0);
}

TEST(Memory, WhatIsDeletedOrLostLeavesIt) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    EXPECT_FALSE(hub.run(hub.registry().create(spec_of("d2"), author_of())));
    hub.tick(1s);
    EXPECT_EQ(cached(hub), 0.0);
}

}  // namespace
}  // namespace twinhub::hub

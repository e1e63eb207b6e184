#include "hub/changes/changes.h"

#include "hub/changes/twin_condition.h"
#include "hub/testing/histories.h"
#include "store/commit_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

namespace twinhub::hub {
namespace {

using namespace hub::testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Instant t0 = TestClock::start;

Result<ChangesPage> read(TestHub& hub, ChangesRequest request) {
    return hub.run(hub.hub().changes().read(std::move(request)));
}
ChangeCursor oldest(TestHub& hub) { return hub.run(hub.hub().changes().oldest()).value(); }
ChangeCursor newest(TestHub& hub) { return hub.hub().changes().newest(); }

std::string line(const FeedChange& change) {
    constexpr const char* kinds[] = {"twin", "created", "deleted", "identity", "model"};
    const ChangeRecord& record = change.change.record;
    std::string text = record.id.text();
    text += " ";
    text += kinds[static_cast<std::size_t>(record.kind)];
    const ToldLeaves told = told_leaves(record, {}).value();
    for (const twin::TouchedLeaf& leaf : told.leaves)
        text += " " + leaf.path + "=" + (leaf.after ? to_text(*leaf.after) : "none");
    return text;
}

// All of it, page by page.
std::vector<std::string> lines(TestHub& hub, ChangesRequest request) {
    std::vector<std::string> lines;
    while (true) {
        const auto page = read(hub, request);
        if (!page) return {page.error().message};
        for (const FeedChange& change : page->changes) lines.push_back(line(change));
        if (page->at_end) return lines;
        request.from = page->next;
    }
}

// Somebody who keeps a copy of the fleet by the feed alone.
struct Consumer {
    struct Known {
        bool exists = false;
        twin::Twin twin;
        std::uint64_t ordinal = 0;
        std::uint64_t sequence = 0;
    };
    ChangeCursor at;
    std::map<TwinId, Known> twins;
    bool is_whole = true;  // it has had everything since the beginning

    // What is wrong with the change as the next one; empty: nothing.
    std::string take(const FeedChange& change) {
        const ChangeRecord& record = change.change.record;
        Known& known = twins[record.id];
        at = change.after;
        if (record.kind == ChangeKind::created) {
            if (known.exists) return "created twice";
            known.exists = true;
            known.twin = record.detail.empty() ? twin::fresh(record.at)
                                               : twin::decode_twin(record.detail).value();
        } else {
            if (!known.exists) return is_whole ? "changed before it was created" : "";
            if (record.ordinal != known.ordinal + 1) return "a gap or a duplicate";
            if (record.previous != known.sequence) return "not behind the change before it";
        }
        if (record.kind == ChangeKind::deleted) known.exists = false;
        if (record.kind == ChangeKind::model)
            known.twin.model_id = record.detail.substr(record.detail.find('\0') + 1);
        if (record.kind == ChangeKind::twin) {
            auto after = twin::redo(known.twin, record.change);
            if (!after) return "does not continue the twin";
            known.twin = std::move(*after);
        }
        known.ordinal = record.ordinal;
        known.sequence = change.change.sequence;
        return {};
    }
};

// Reads one page of up to `changes_max`. False: it is at the end.
bool follow(TestHub& hub, Consumer& consumer, std::size_t changes_max) {
    const Changes& changes = hub.hub().changes();
    // As somebody who kept nothing but the text.
    const auto from = changes.parse(changes.text(consumer.at));
    RC_ASSERT(from.has_value());
    const auto page = read(hub, {.from = *from, .changes_max = changes_max});
    RC_ASSERT(page.has_value());
    for (const FeedChange& change : page->changes) RC_ASSERT(consumer.take(change) == "");
    consumer.at = page->next;
    return !page->at_end;
}

void must_be_current(TestHub& hub, const Consumer& consumer) {
    for (int device = 0; device < 6; ++device)
        for (const char* module : {"", "m"}) {
            const TwinId id = id_of("d" + std::to_string(device), module);
            const auto view = hub.run(hub.twins().get(id));
            const auto known = consumer.twins.find(id);
            const bool exists = known != consumer.twins.end() && known->second.exists;
            RC_ASSERT(view.has_value() == exists);
            if (exists) RC_ASSERT(known->second.twin == view->twin);
        }
}

void take_a_model(TestHub& hub, TestLink& link) {
    const TwinId id = id_of("d" + std::to_string(below(6)));
    if (!hub.run(hub.twins().get(id))) return;
    AttachFacts facts;
    facts.model_id = "dtmi:a:B" + std::to_string(below(3)) + ";1";
    hub.connect(id, link, facts);
    hub.shard(id).detach(id, link);
}

TEST(Changes, AreInTheOrderInWhichTheyBecameDurable) {
    TestHub hub;
    hub.create(spec_of("a"));
    hub.create(spec_of("b"));
    ASSERT_TRUE(hub.patch(id_of("b"), R"({"tags":{"n":1}})"));
    ASSERT_TRUE(
        hub.patch(id_of("a"), R"({"tags":{"n":2},"properties":{"desired":{"x":{"y":1}}}})"));
    ASSERT_TRUE(hub.patch(id_of("b"), R"({"tags":{"n":null}})"));
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("a"), {}, author_of())));
    const std::vector<std::string> all = lines(hub, {.from = oldest(hub)});
    EXPECT_THAT(all, ElementsAre("a created", "b created", "b twin n=1", "a twin n=2 x.y=1",
                                 "b twin n=none", "a deleted n=none x.y=none"));
    for (const std::size_t size : {1u, 2u, 3u}) {
        EXPECT_EQ(lines(hub, {.from = oldest(hub), .changes_max = size}), all);
        auto backward = lines(
            hub,
            {.order = ChangesRequest::Order::newest, .from = newest(hub), .changes_max = size});
        std::ranges::reverse(backward);
        EXPECT_EQ(backward, all);
    }
}

TEST(Changes, CanBeNarrowedDown) {
    TestHub hub;
    hub.create(spec_of("a"));
    hub.create(spec_of("a", "m"));
    hub.create(spec_of("b"));
    ASSERT_TRUE(
        hub.patch(id_of("a"), R"({"tags":{"site":"x"},"properties":{"desired":{"fan":1}}})"));
    ASSERT_TRUE(hub.patch(id_of("a", "m"), R"({"tags":{"site":"m"}})"));
    (void)hub.begin_report(id_of("b"), R"({"fan":2})");
    hub.settle();
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("a"), {}, author_of())));
    const auto narrowed = [&](ChangeFilter filter) {
        return lines(hub, {.from = oldest(hub), .filter = std::move(filter)});
    };
    EXPECT_THAT(narrowed({.cause = Cause::device}), ElementsAre("b twin fan=2"));
    EXPECT_THAT(narrowed({.twin = id_of("a", "m")}),
                ElementsAre("a/m created", "a/m twin site=\"m\"", "a/m deleted site=none"));
    EXPECT_EQ(narrowed({.device = id_of("a").device}).size(), 6u);
    ChangeFilter path;
    path.content.path = "fan";
    EXPECT_THAT(narrowed(path),
                ElementsAre("a twin site=\"x\" fan=1", "b twin fan=2", HasSubstr("a deleted")));
    ChangeFilter author;
    author.content.author = "b";
    EXPECT_THAT(narrowed(author), ElementsAre("b twin fan=2"));
}

TEST(Changes, AreNarrowedByWhatTheTwinWasBehindThem) {
    TestHub hub;
    for (const char* device : {"a", "b"}) hub.create(spec_of(device));
    for (int i = 0; i < 4; ++i)
        for (const char* device : {"a", "b"})
            ASSERT_TRUE(
                hub.patch(id_of(device),
                          R"({"tags":{"n":)" + std::to_string(device[0] == 'a' ? i : -i) + "}}"));
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("a"), {}, author_of())));
    for (const std::size_t size : {1u, 3u, 500u}) {
        const auto condition = [] { return TwinCondition::compile("tags.n > 1").value(); };
        const auto all =
            lines(hub, {.from = oldest(hub), .changes_max = size, .condition = condition()});
        EXPECT_THAT(all, ElementsAre("a twin n=2", "a twin n=3", "a deleted n=none"));
        auto backward = lines(hub, {.order = ChangesRequest::Order::newest,
                                    .from = newest(hub),
                                    .changes_max = size,
                                    .condition = condition()});
        std::ranges::reverse(backward);
        EXPECT_EQ(backward, all);
    }
    EXPECT_EQ(TwinCondition::compile("tags.n >").error().code, Code::argument_invalid);
    EXPECT_EQ(TwinCondition::compile("tags.n >").error().where, "where");
}

TEST(Changes, ACursorOfAnotherHubIsRefused) {
    TestHub hub, other(Settings{}, 1);
    hub.create(spec_of("a"));
    const Changes& changes = hub.hub().changes();
    const std::string text = changes.text({1, 0});
    EXPECT_EQ(changes.parse(text).value(), (ChangeCursor{1, 0}));
    const std::string foreign = cursor_text("12345678", {1, 0});
    EXPECT_THAT(changes.parse(foreign).error().message, HasSubstr("another hub"));
    std::string damaged = text;
    damaged[20] = damaged[20] == '0' ? '1' : '0';
    for (const std::string& wrong : {damaged, text.substr(2), std::string("now"), std::string()})
        EXPECT_EQ(changes.parse(wrong).error().code, Code::argument_invalid) << wrong;
    EXPECT_EQ(read(hub, {.from = {1, 7}}).error().code, Code::argument_invalid);
    EXPECT_EQ(read(hub, {.from = {9, 0}}).error().code, Code::argument_invalid);
}

TEST(Changes, BeginAtATime) {
    TestHub hub;
    EXPECT_EQ(hub.run(hub.hub().changes().at(t0)).value(), newest(hub));
    hub.create(spec_of("a"));
    for (int i = 0; i < 9; ++i) {
        hub.clock().advance(10s);
        ASSERT_TRUE(hub.patch(id_of("a"), R"({"tags":{"n":)" + std::to_string(i) + "}}"));
    }
    const auto since = [&](Instant time) {
        return lines(hub, {.from = hub.run(hub.hub().changes().at(time)).value()});
    };
    EXPECT_EQ(since(t0 - 1h).size(), 10u);
    EXPECT_EQ(since(t0).size(), 10u);
    EXPECT_THAT(since(t0 + 80s), ElementsAre("a twin n=7", "a twin n=8"));
    EXPECT_THAT(since(t0 + 81s), ElementsAre("a twin n=8"));
    EXPECT_TRUE(since(t0 + 91s).empty());
}

TEST(Changes, AreHeardOfOnceHoweverManyThereAre) {
    TestHub hub;
    hub.create(spec_of("a"));
    int heard = 0;
    const Executor here = hub.hub().shards().at(0).executor();
    auto subscription = hub.hub().changes().listen(here, [&heard] { ++heard; });
    hub.settle();
    EXPECT_EQ(heard, 0);
    const auto first = hub.begin_patch(id_of("a"), R"({"tags":{"n":1}})");
    hub.settle();
    EXPECT_EQ(heard, 1);
    hub.hub().changes().written(7);
    hub.hub().changes().written(8);
    hub.settle();
    EXPECT_EQ(heard, 2);
    subscription.reset();
    ASSERT_TRUE(hub.patch(id_of("a"), R"({"tags":{"n":2}})"));
    EXPECT_EQ(heard, 2);
}

TEST(Changes, WhatIsForgottenIsSaidSo) {
    Settings settings;
    settings.history_age = 60s;
    settings.history_count = 1;
    TestHub hub(settings);
    hub.create(spec_of("a"));
    const ChangeCursor first = oldest(hub);
    for (int i = 0; i < 10; ++i) {
        hub.clock().advance(10s);
        ASSERT_TRUE(hub.patch(id_of("a"), R"({"tags":{"n":)" + std::to_string(i) + "}}"));
    }
    hub.tick(100ms);
    hub.tick(100ms);
    EXPECT_EQ(read(hub, {.from = first}).error().code, Code::history_unavailable);
    EXPECT_EQ(lines(hub, {.from = oldest(hub)}).size(), 6u);  // since 40 s
    // What the feed has is there, however late retention comes.
    hub.tick_for(20s);
    EXPECT_EQ(lines(hub, {.from = oldest(hub)}).size(), 4u);
    const std::uint64_t last = newest(hub).commit;
    hub.tick_for(600s);
    EXPECT_EQ(oldest(hub), newest(hub));
    EXPECT_TRUE(lines(hub, {.from = oldest(hub)}).empty());
    EXPECT_EQ(read(hub, {.from = {last - 1, 0}}).error().code, Code::history_unavailable);
    std::size_t kept = 0;
    const auto left = hub.engine().scan(store::Family::changes, {});
    for (left->seek_first(); left->valid(); left->next()) ++kept;
    EXPECT_EQ(kept, 1u);
    // Numbers go on where they were, also over a restart.
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(newest(hub).commit, last);
    ASSERT_TRUE(hub.patch(id_of("a"), R"({"tags":{"n":"x"}})"));
    EXPECT_THAT(lines(hub, {.from = {last, 0}}), ElementsAre("a twin n=\"x\""));
}

TEST(Changes, AMissingRowOrChangeIsDamage) {
    TestHub hub;
    hub.create(spec_of("a"));
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(hub.patch(id_of("a"), R"({"tags":{"n":)" + std::to_string(i) + "}}"));
    store::Batch batch;
    batch.remove(store::Family::metadata, store::commit_key(3));
    const store::Batch* batches[] = {&batch};
    ASSERT_TRUE(hub.engine().commit(batches));
    EXPECT_EQ(read(hub, {.from = {1, 0}}).error().code, Code::corrupted);
    EXPECT_EQ(read(hub, {.from = {4, 0}})->changes.size(), 1u);
    batch.clear();
    batch.remove(store::Family::changes, store::change_key(slot_of(id_of("a").device), 4));
    ASSERT_TRUE(hub.engine().commit(batches));
    EXPECT_EQ(read(hub, {.from = {4, 0}}).error().code, Code::corrupted);
}

// --- any history --------------------------------------------------------------------------------

RC_GTEST_PROP(ChangeFeed, FoldedIsTheStateOverCrashesAndResumptions, ()) {
    TestHub hub({}, 1 + below(3));
    TestLink link;
    std::vector<Consumer> consumers(3);
    std::vector<Consumer> saved(3);  // what each had written down
    const std::size_t steps = 5 + below(40);
    for (std::size_t i = 0; i < steps; ++i) {
        hub.clock().advance(Ticks{static_cast<std::int64_t>(below(3))});
        if (below(8) == 0) take_a_model(hub, link);
        else change_something(hub, link);
        const std::size_t which = below(consumers.size());
        switch (below(4)) {
            case 0: follow(hub, consumers[which], 1 + below(4)); break;
            case 1: saved[which] = consumers[which]; break;
            case 2: consumers[which] = saved[which]; break;  // killed, and begins again
            default: break;
        }
    }
    hub.settle();
    for (Consumer& consumer : consumers) {
        while (follow(hub, consumer, 1 + below(20))) {}
        must_be_current(hub, consumer);
        RC_ASSERT(consumer.at == hub.hub().changes().newest());
    }
}

RC_GTEST_PROP(ChangeFeed, HasNoHoleHoweverMuchIsForgotten, ()) {
    Settings settings;
    settings.history_age = 20s;
    settings.history_count = 1 + static_cast<std::uint32_t>(below(3));
    TestHub hub(settings);
    TestLink link;
    Consumer consumer;
    const std::size_t steps = 5 + below(30);
    for (std::size_t i = 0; i < steps; ++i) {
        hub.clock().advance(1s);
        change_something(hub, link);
        if (below(4) == 0) hub.tick_for(std::chrono::seconds(below(60)));
        if (below(2) == 0) {
            if (consumer.at < oldest(hub)) {
                const auto lost = read(hub, {.from = consumer.at});
                RC_ASSERT(lost.error().code == Code::history_unavailable);
                consumer = {.at = oldest(hub), .twins = {}, .is_whole = false};
            }
            while (follow(hub, consumer, 1 + below(5))) {}
        }
    }
    const auto all = lines(hub, {.from = oldest(hub)});
    auto backward = lines(hub, {.order = ChangesRequest::Order::newest,
                                .from = hub.hub().changes().newest(),
                                .changes_max = 1 + below(3)});
    std::ranges::reverse(backward);
    RC_ASSERT(backward == all);
}

RC_GTEST_PROP(ChangeFeed, BeginsWithWhatAnOlderReleaseLeft, ()) {
    TestHub hub;
    TestLink link;
    const std::size_t steps = 1 + below(30);
    for (std::size_t i = 0; i < steps; ++i) change_something(hub, link);
    hub.settle();
    // As it was before there was an index; perhaps an attempt to make one was interrupted.
    store::Batch batch;
    const store::Range area = store::area_range(store::Area::commit);
    if (below(2) == 0) batch.remove_range(store::Family::metadata, area.from, area.to);
    batch.remove(store::Family::metadata, feed_state_key());
    const store::Batch* batches[] = {&batch};
    RC_ASSERT(hub.engine().commit(batches).has_value());
    RC_ASSERT(hub.restart(1 + below(3)).has_value());
    Consumer consumer;
    while (follow(hub, consumer, 1 + below(20))) {}
    must_be_current(hub, consumer);
    for (std::size_t i = 0; i < 5; ++i) change_something(hub, link);
    while (follow(hub, consumer, 1 + below(20))) {}
    must_be_current(hub, consumer);
}

}  // namespace
}  // namespace twinhub::hub

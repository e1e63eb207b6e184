#include "hub/history/history.h"

#include "hub/testing/histories.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::hub {
namespace {

using namespace hub::testing;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

const Instant t0 = TestClock::start;

Result<TwinThen> then(TestHub& hub, const TwinId& id, const PastPoint& point) {
    return hub.run(History(hub.hub()).at(id, point));
}
Result<TwinThen> then(TestHub& hub, const TwinId& id, Instant at) {
    return then(hub, id, PastPoint::time(at));
}
Result<HistoryPage> page(TestHub& hub, const TwinId& id, HistoryRequest request = {}) {
    return hub.run(History(hub.hub()).page(id, std::move(request)));
}

// Each change on its own line: "patch tags:site"; newest first.
std::vector<std::string> lines(const Result<HistoryPage>& page, const HistoryFilter& filter = {}) {
    std::vector<std::string> lines;
    if (!page) return {page.error().message};
    for (const KeptChange& change : page->changes) {
        constexpr const char* kinds[] = {"twin", "created", "deleted", "identity", "model"};
        std::string line = kinds[static_cast<std::size_t>(change.record.kind)];
        for (const twin::TouchedLeaf& leaf : leaves_of(change.record, filter))
            line += " " + std::string(twin::path_of(leaf.part)) + "." + leaf.path + "=" +
                    (leaf.after ? to_text(*leaf.after) : "none");
        lines.push_back(std::move(line));
    }
    return lines;
}

void report(TestHub& hub, const TwinId& id, std::string_view body) {
    const auto answer = hub.begin_report(id, body);
    hub.settle();
    ASSERT_TRUE(answer.get());
}

TEST(History, ShowsATwinAsItWasAtATime) {
    TestHub hub;
    const TwinId id = id_of("d");
    hub.clock().advance(1s);
    hub.create(spec_of("d"));
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id, R"({"properties":{"desired":{"fan":1}}})"));
    const twin::Twin first = hub.view(id).twin;
    hub.clock().advance(10s);
    report(hub, id, R"({"fan":1})");
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id, R"({"properties":{"desired":{"fan":null,"led":true}}})"));

    EXPECT_EQ(then(hub, id, t0 + 11s)->twin, first);
    EXPECT_EQ(then(hub, id, t0 + 20s)->twin, first);
    EXPECT_EQ(then(hub, id, t0 + 31s)->twin, hub.view(id).twin);
    EXPECT_EQ(then(hub, id, t0 + 5s)->twin.versions, twin::Versions{});
    EXPECT_EQ(then(hub, id, t0).error().code, Code::device_not_found);
    EXPECT_THAT(then(hub, id, t0).error().message, HasSubstr("'d' did not exist at 2026-03-01"));
    EXPECT_EQ(then(hub, id, t0 + 1h).error().code, Code::argument_invalid);
    EXPECT_EQ(then(hub, id_of("e"), t0).error().code, Code::device_not_found);
    EXPECT_EQ(then(hub, id_of("d", "m"), t0).error().code, Code::module_not_found);
}

TEST(History, ShowsATwinAsItWasWhenAVersionWasWritten) {
    TestHub hub;
    const TwinId id = id_of("d");
    hub.create(spec_of("d"));
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id, R"({"properties":{"desired":{"fan":1}}})"));
    hub.clock().advance(10s);
    report(hub, id, R"({"fan":1})");
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id, R"({"tags":{"site":"a"}})"));

    const auto at = [&](PastPoint::By by, std::uint64_t number) {
        return then(hub, id, PastPoint{.by = by, .number = number});
    };
    EXPECT_EQ(at(PastPoint::By::desired, 2)->twin, then(hub, id, t0 + 10s)->twin);
    EXPECT_EQ(at(PastPoint::By::desired, 2)->at, t0 + 10s);
    EXPECT_EQ(at(PastPoint::By::desired, 1)->twin, then(hub, id, t0)->twin);
    EXPECT_EQ(at(PastPoint::By::reported, 2)->at, t0 + 20s);
    EXPECT_EQ(at(PastPoint::By::version, 5)->twin, hub.view(id).twin);
    EXPECT_EQ(at(PastPoint::By::version, 5)->at, t0 + 30s);
    EXPECT_THAT(at(PastPoint::By::desired, 3).error().message, HasSubstr("at version 2"));
    EXPECT_THAT(at(PastPoint::By::desired, 0).error().message, HasSubstr("began with version 1"));
}

TEST(History, GoesBackThroughDeletionAndReCreation) {
    TestHub hub;
    const TwinId id = id_of("d"), module = id_of("d", "m");
    hub.create(spec_of("d"));
    hub.create(spec_of("d", "m"));
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id, R"({"tags":{"life":1}})"));
    ASSERT_TRUE(hub.patch(module, R"({"tags":{"life":"m"}})"));
    const twin::Twin first = hub.view(id).twin, of_module = hub.view(module).twin;
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.run(hub.registry().remove(id, {}, author_of())));
    hub.clock().advance(10s);

    EXPECT_EQ(then(hub, id, t0 + 15s)->twin, first);
    EXPECT_EQ(then(hub, module, t0 + 15s)->twin, of_module);
    EXPECT_EQ(then(hub, id, t0 + 25s).error().code, Code::device_not_found);
    EXPECT_EQ(lines(page(hub, id)),
              (std::vector<std::string>{"deleted", "twin tags.life=1", "created"}));

    hub.create(spec_of("d"));
    EXPECT_EQ(then(hub, id, t0 + 15s)->twin, first);
    EXPECT_EQ(then(hub, id, t0 + 25s).error().code, Code::device_not_found);
    EXPECT_EQ(then(hub, id, t0 + 30s)->twin, hub.view(id).twin);
    EXPECT_EQ(lines(page(hub, id)),
              (std::vector<std::string>{"created", "deleted", "twin tags.life=1", "created"}));
    EXPECT_EQ(lines(page(hub, module)),
              (std::vector<std::string>{"deleted", "twin tags.life=\"m\"", "created"}));
}

TEST(History, IsReadPageByPage) {
    TestHub hub;
    const TwinId id = id_of("d");
    hub.create(spec_of("d"));
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(hub.patch(id, R"({"tags":{"n":)" + std::to_string(i) + "}}"));
    std::vector<std::string> all;
    HistoryRequest request{.before = {}, .until = {}, .limit = 2, .filter = {}};
    do {
        const auto part = page(hub, id, request);
        ASSERT_TRUE(part);
        EXPECT_LE(part->changes.size(), 2u);
        for (const std::string& line : lines(part)) all.push_back(line);
        request.before = part->next;
    } while (request.before);
    EXPECT_EQ(all, lines(page(hub, id)));
    EXPECT_EQ(all.size(), 6u);

    int n = 0;
    while (slot_of(id_of("e" + std::to_string(n)).device) != slot_of(id.device)) ++n;
    const std::string neighbour = "e" + std::to_string(n);
    hub.create(spec_of(neighbour));
    request.before = page(hub, id_of(neighbour))->changes.front().sequence;
    EXPECT_EQ(page(hub, id, request).error().code, Code::argument_invalid);
    EXPECT_EQ(page(hub, id_of("nobody")).error().code, Code::device_not_found);
}

TEST(History, IsNarrowedByPartAuthorPathAndTime) {
    TestHub hub;
    const TwinId id = id_of("d");
    hub.create(spec_of("d"));
    ASSERT_TRUE(hub.patch(id, R"({"tags":{"fan":{"speed":1}}})"));
    ASSERT_TRUE(hub.patch(id, R"({"properties":{"desired":{"fan":{"speed":2},"fans":3}}})"));
    hub.clock().advance(10s);
    report(hub, id, R"({"fan":{"speed":2}})");

    const auto narrowed = [&](const HistoryFilter& filter) {
        return lines(page(hub, id, {.before = {}, .until = {}, .limit = 50, .filter = filter}),
                     filter);
    };
    using Part = HistoryFilter::Part;
    EXPECT_EQ(narrowed({.part = Part::identity, .author = {}, .path = {}}),
              std::vector<std::string>{"created"});
    EXPECT_EQ(narrowed({.part = Part::reported, .author = {}, .path = {}}),
              std::vector<std::string>{"twin properties.reported.fan.speed=2"});
    EXPECT_EQ(narrowed({.part = Part::any, .author = "d", .path = {}}),
              std::vector<std::string>{"twin properties.reported.fan.speed=2"});
    EXPECT_EQ(
        narrowed({.part = Part::any, .author = "iothubowner", .path = "fan"}),
        (std::vector<std::string>{"twin properties.desired.fan.speed=2", "twin tags.fan.speed=1"}));
    for (const char* path : {"desired.fan", "properties.desired.fan.speed", "desired.fan.speed"})
        EXPECT_EQ(narrowed({.part = Part::any, .author = {}, .path = path}),
                  std::vector<std::string>{"twin properties.desired.fan.speed=2"})
            << path;
    EXPECT_EQ(narrowed({.part = Part::tags, .author = {}, .path = "fan.speed"}),
              std::vector<std::string>{"twin tags.fan.speed=1"});
    EXPECT_EQ(narrowed({.part = Part::any, .author = {}, .path = "fan.spe"}),
              std::vector<std::string>{});
    EXPECT_EQ(lines(page(hub, id, {.before = {}, .until = t0, .limit = 50, .filter = {}})).size(),
              3u);
}

TEST(History, RestoresWhatDiffersAsANewVersion) {
    TestHub hub;
    const TwinId id = id_of("d");
    hub.create(spec_of("d"));
    TestLink link;
    hub.connect(id, link);
    ASSERT_TRUE(hub.patch(
        id,
        R"({"tags":{"site":"a"},"properties":{"desired":{"fan":{"speed":1},"led":{"on":1}}}})"));
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(
        id,
        R"({"tags":{"site":"b"},"properties":{"desired":{"fan":{"speed":2,"x":1},"led":null,"n":{}}}})"));
    const auto restore = [&](RestoreScope scope, twin::Match match = {}) {
        Author author = author_of();
        author.reason = "bad values";
        return hub.run(History(hub.hub()).restore(id, PastPoint::time(t0), std::move(scope),
                                                  std::move(match), std::move(author)));
    };
    const auto desired = [&] { return to_text(hub.view(id).twin.desired.to_json()); };

    EXPECT_EQ(restore({}, twin::Match::one_of({"x"})).error().code, Code::precondition_failed);
    EXPECT_EQ(restore({.tags = false, .desired = true, .paths = {"fan..x"}}).error().code,
              Code::argument_invalid);

    ASSERT_TRUE(restore({.tags = false, .desired = true, .paths = {"fan.speed", "led.on"}}));
    EXPECT_EQ(desired(), R"({"fan":{"speed":1,"x":1},"led":{"on":1},"n":{}})");
    EXPECT_EQ(to_text(hub.view(id).twin.tags.to_json()), R"({"site":"b"})");

    ASSERT_TRUE(restore({}));
    EXPECT_EQ(desired(), R"({"fan":{"speed":1},"led":{"on":1}})");
    EXPECT_EQ(to_text(hub.view(id).twin.tags.to_json()), R"({"site":"a"})");
    EXPECT_EQ(hub.view(id).twin.versions.desired, 5u);
    EXPECT_EQ(link.bodies.back(), R"({"n":null,"fan":{"x":null},"$version":5})");

    const auto newest = page(hub, id)->changes.front().record;
    EXPECT_EQ(newest.author.cause, Cause::rollback);
    EXPECT_EQ(newest.author.reason, "bad values");

    const twin::Versions versions = hub.view(id).twin.versions;
    ASSERT_TRUE(restore({}));
    EXPECT_EQ(hub.view(id).twin.versions, versions);
}

TEST(History, SaysSinceWhenItIsKept) {
    Settings settings;
    settings.history_age = 60s;
    settings.history_count = 2;
    TestHub hub(settings);
    const TwinId id = id_of("d");
    hub.create(spec_of("d"));
    for (int i = 0; i < 6; ++i) {
        hub.clock().advance(10s);
        ASSERT_TRUE(hub.patch(id, R"({"tags":{"n":)" + std::to_string(i) + "}}"));
    }
    hub.clock().advance(55s);  // 115 s: what was written before 55 s is old
    hub.tick_for(300s);
    const auto kept = page(hub, id);
    EXPECT_EQ(lines(kept), (std::vector<std::string>{"twin tags.n=5", "twin tags.n=4"}));
    EXPECT_EQ(kept->oldest_kept, t0 + 40s + Ticks{1});
    EXPECT_FALSE(kept->next);
    // Nothing that was made since 40 s is forgotten.
    EXPECT_EQ(to_text(then(hub, id, t0 + 45s)->twin.tags.to_json()), R"({"n":3})");
    const auto lost = then(hub, id, t0 + 39s);
    EXPECT_EQ(lost.error().code, Code::history_unavailable);
    EXPECT_THAT(lost.error().message, HasSubstr("kept since 2026-03-01T00:00:40.0000001Z"));
    EXPECT_EQ(then(hub, id_of("never"), t0 + 20s).error().code, Code::device_not_found);

    ASSERT_TRUE(hub.run(hub.registry().remove(id, {}, author_of())));
    hub.tick_for(600s);
    EXPECT_EQ(page(hub, id).error().code, Code::device_not_found);
    EXPECT_EQ(then(hub, id, t0 + 60s).error().code, Code::history_unavailable);
    const auto left =
        hub.engine().scan(store::Family::metadata, store::area_range(store::Area::ended));
    left->seek_first();
    EXPECT_FALSE(left->valid());
}

TEST(History, OfATwinThatCameWithoutChangesBeginsWithIt) {
    PastTwin now{true, twin::fresh(t0)};
    ChangeRecord record;
    record.kind = ChangeKind::deleted;
    EXPECT_EQ(take_back(now, record).error().code, Code::corrupted);
    now.exists = false;
    record.kind = ChangeKind::twin;
    EXPECT_EQ(take_back(now, record).error().code, Code::corrupted);
    record.kind = ChangeKind::deleted;
    EXPECT_EQ(take_back(now, record).error().code, Code::history_unavailable);
}

RC_GTEST_PROP(History, MergePatchesTurnOneDocumentIntoTheOther, ()) {
    const auto section = [] { return section_of(*query::testing::any_twin("x"), "desired"); };
    const Instant at = t0;
    twin::Twin now = twin::fresh(at), former = twin::fresh(at);
    now.desired = twin::build(section(), {});
    former.desired = twin::build(section(), {});
    const auto update = restoring_update(now, former, {});
    RC_PRE(update.has_value());
    const auto applied = twin::apply(now, *update, at);
    RC_PRE(applied.has_value());
    RC_ASSERT(applied->next.desired.to_json() == former.desired.to_json());
}

using Snapshot = std::map<TwinId, twin::Twin>;

Snapshot snapshot_of(TestHub& hub) {
    Snapshot snapshot;
    for (int device = 0; device < 6; ++device)
        for (const char* module : {"", "m"}) {
            const TwinId id = id_of("d" + std::to_string(device), module);
            if (const auto view = hub.run(hub.twins().get(id))) snapshot[id] = view->twin;
        }
    return snapshot;
}

void must_be(TestHub& hub, const std::map<Instant, Snapshot>& past, Instant known_since) {
    for (const auto& [at, snapshot] : past)
        for (int device = 0; device < 6; ++device)
            for (const char* module : {"", "m"}) {
                const TwinId id = id_of("d" + std::to_string(device), module);
                const auto was = snapshot.find(id);
                const auto shown = then(hub, id, at);
                if (!shown && shown.error().code == Code::history_unavailable) {
                    RC_ASSERT(at < known_since);
                } else if (was == snapshot.end()) {
                    RC_ASSERT(!shown.has_value());
                    RC_ASSERT(shown.error().code ==
                              (id.is_module() ? Code::module_not_found : Code::device_not_found));
                } else {
                    RC_ASSERT(shown.has_value());
                    RC_ASSERT(shown->twin == was->second);
                }
            }
}

RC_GTEST_PROP(History, IsWhatWasRecordedAtEveryMoment, ()) {
    TestHub hub;
    TestLink link;
    std::map<Instant, Snapshot> past;
    const std::size_t steps = 1 + below(25);
    for (std::size_t i = 0; i < steps; ++i) {
        hub.clock().advance(Ticks{1 + static_cast<std::int64_t>(below(3))});
        if (below(8) == 0) {
            const TwinId id = id_of("d" + std::to_string(below(6)));
            if (hub.run(hub.twins().get(id))) {
                hub.connect(id, link,
                            {.clean_session = true,
                             .model_id = "dtmi:a:B" + std::to_string(below(3)) + ";1",
                             .client = {},
                             .credential = {}});
                hub.shard(id).detach(id, link);
            }
        } else {
            change_something(hub, link);
        }
        hub.settle();
        past[hub.clock().now()] = snapshot_of(hub);
    }
    must_be(hub, past, never);
}

RC_GTEST_PROP(History, IsExactOrSaysThatItIsForgotten, ()) {
    Settings settings;
    settings.history_age = 20s;
    settings.history_count = 1 + static_cast<std::uint32_t>(below(3));
    TestHub hub(settings);
    TestLink link;
    std::map<Instant, Snapshot> past;
    const std::size_t steps = 5 + below(20);
    for (std::size_t i = 0; i < steps; ++i) {
        hub.clock().advance(1s);
        change_something(hub, link);
        hub.settle();
        past[hub.clock().now()] = snapshot_of(hub);
    }
    hub.tick_for(std::chrono::seconds(below(600)));
    must_be(hub, past, hub.clock().now() - 20s);
}

}  // namespace
}  // namespace twinhub::hub

#include "hub/bulk/bulk_run.h"

#include "hub/testing/histories.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::hub {
namespace {

using namespace hub::testing;
using namespace std::chrono_literals;
using Fault = store::MemoryEngine::Fault;
using How = BulkChange::How;

const Author ordered_by{.principal = "iothubowner", .client = "10.0.0.1"};
const Author author = author_of_work(Cause::job, "job", "fw", ordered_by);

BulkWork patching(std::string_view body) {
    return {.update = [update = patch_of(body)](const TwinId&, const State&)
                -> Result<std::optional<twin::ServiceUpdate>> { return std::optional(update); },
            .author = author};
}

// Work with what came of it.
struct Running {
    Running(TestHub& hub, BulkWork work)
        : run(BulkRun::begin(hub.hub().shards(), hub.clock(), hub.hub().shards().at(0).executor(),
                             std::move(work), [this](std::span<const BulkOutcome> some) {
                                 ++groups;
                                 for (const BulkOutcome& one : some) {
                                     EXPECT_FALSE(outcomes.contains(one.number)) << one.number;
                                     outcomes[one.number] = one.result;
                                 }
                             })) {}
    std::map<std::size_t, Result<BulkChange>> outcomes;
    std::size_t groups = 0;
    std::shared_ptr<BulkRun> run;
};

std::vector<BulkTarget> targets(std::size_t count, bool maybe_done = false) {
    std::vector<BulkTarget> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back({id_of("d" + std::to_string(i)), {}, maybe_done});
    return all;
}

void create(TestHub& hub, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) hub.create(spec_of("d" + std::to_string(i)));
}

// How often the work changed a twin, as its history tells.
std::map<std::string, int> changes_by_work(TestHub& hub) {
    std::map<std::string, int> counts;
    const auto cursor = hub.engine().scan(store::Family::changes, store::Range{});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto opened = store::open(store::Kind::change, change_record_format, "changes",
                                        cursor->key(), cursor->value());
        const ChangeRecord record = decode_change_record(opened.value().body).value();
        if (record.author.principal == author.principal) ++counts[record.id.text()];
    }
    return counts;
}

TEST(BulkRun, ChangesEveryTwinWithFewCommits) {
    TestHub hub({}, 3);
    create(hub, 300);
    const std::uint64_t commits = hub.engine().commits();
    Running work(hub, patching(R"({"tags":{"a":1},"properties":{"desired":{"fan":2}}})"));
    work.run->add(targets(300));
    hub.settle();
    ASSERT_EQ(work.outcomes.size(), 300u);
    EXPECT_TRUE(work.run->is_idle());
    for (const auto& [number, result] : work.outcomes) {
        ASSERT_TRUE(result);
        EXPECT_EQ(result->how, How::written);
        const twin::Twin twin = hub.view(id_of("d" + std::to_string(number))).twin;
        EXPECT_EQ(twin.versions, result->versions);
        EXPECT_EQ(to_text(twin.tags.to_json()), R"({"a":1})");
        EXPECT_EQ(to_text(twin.desired.to_json()), R"({"fan":2})");
    }
    EXPECT_LE(hub.engine().commits() - commits, 12u);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(BulkRun, TellsConnectedDevicesAndItsAuthor) {
    TestHub hub;
    create(hub, 1);
    TestLink link;
    hub.connect(id_of("d0"), link);
    Running work(hub, patching(R"({"properties":{"desired":{"fan":2}}})"));
    work.run->add(targets(1));
    hub.settle();
    EXPECT_THAT(link.bodies, ::testing::ElementsAre(R"({"fan":2,"$version":2})"));
    EXPECT_EQ(author.principal, "system:job/fw");
    EXPECT_EQ(changes_by_work(hub), (std::map<std::string, int>{{"d0", 1}}));
}

TEST(BulkRun, MakesEachUpdateOfTheNewestState) {
    TestHub hub;
    create(hub, 3);
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})"));
    BulkWork work{.update = [](const TwinId& id,
                               const State& newest) -> Result<std::optional<twin::ServiceUpdate>> {
                      if (id.device.text() == "d2") return failure(Code::conflict, "not this one");
                      if (!newest.twin.tags.find("site"))
                          return std::optional<twin::ServiceUpdate>{};
                      return std::optional(patch_of(R"({"tags":{"site":"y"}})"));
                  },
                  .author = author};
    Running run(hub, std::move(work));
    // The change that is still on its way counts.
    const auto pending = hub.begin_patch(id_of("d0"), R"({"tags":{"site":"z"}})");
    hub.turn_loops();
    run.run->add(targets(3));
    hub.settle();
    EXPECT_EQ(run.outcomes.at(0)->how, How::written);
    EXPECT_EQ(run.outcomes.at(1)->how, How::written);
    EXPECT_EQ(run.outcomes.at(2).error().code, Code::conflict);
    EXPECT_EQ(to_text(hub.view(id_of("d0")).twin.tags.to_json()), R"({"site":"y"})");
}

TEST(BulkRun, LeavesATwinAloneThatIsNotTheOneItWas) {
    TestHub hub;
    create(hub, 2);
    const std::string generation = hub.view(id_of("d0")).identity->generation_id;
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("d0"), {}, author_of())));
    create(hub, 1);
    std::vector<BulkTarget> two = targets(2);
    two[0].generation = generation;
    two[1].generation = hub.view(id_of("d1")).identity->generation_id;
    two.push_back({id_of("gone"), {}, false});
    Running run(hub, patching(R"({"tags":{"a":1}})"));
    run.run->add(std::move(two));
    hub.settle();
    EXPECT_EQ(run.outcomes.at(0).error().code, Code::device_not_found);
    EXPECT_EQ(run.outcomes.at(1)->how, How::written);
    EXPECT_EQ(run.outcomes.at(2).error().code, Code::device_not_found);
    EXPECT_EQ(changes_by_work(hub), (std::map<std::string, int>{{"d1", 1}}));
}

TEST(BulkRun, ReadsTwinsThatAreNotInMemoryTogether) {
    TestHub hub;
    create(hub, 100);
    ASSERT_TRUE(hub.restart());
    hub.tick(60s);  // what the start left in memory has gone
    hub.tick(2s);
    hub.engine().set_cold(true);
    Running run(hub, patching(R"({"tags":{"a":1}})"));
    run.run->add(targets(100));
    hub.settle();
    EXPECT_EQ(run.outcomes.size(), 100u);
    EXPECT_EQ(changes_by_work(hub).size(), 100u);
    hub.engine().set_cold(false);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(BulkRun, HasNoMoreUnderWayThanItMay) {
    TestHub hub({}, 2);
    create(hub, 200);
    BulkWork work = patching(R"({"tags":{"a":1}})");
    work.under_way_max = 20;
    Running run(hub, std::move(work));
    hub.hold();
    run.run->add(targets(200));
    hub.settle();
    EXPECT_EQ(run.run->under_way(), 40u);
    EXPECT_EQ(run.outcomes.size(), 0u) << "nothing is said before it is durable";
    hub.release();
    hub.settle();
    EXPECT_EQ(run.outcomes.size(), 200u);
}

TEST(BulkRun, BeginsWithNoMoreThanItsRateAllows) {
    TestHub hub;
    create(hub, 100);
    BulkWork work = patching(R"({"tags":{"a":1}})");
    work.rate = std::make_shared<Rate>(10);
    Running run(hub, std::move(work));
    run.run->add(targets(100));
    for (int second = 1; second <= 3; ++second) {
        for (int tick = 0; tick < 10; ++tick) {
            hub.tick(100ms);
            run.run->tick();
            hub.settle();
        }
        EXPECT_LE(run.outcomes.size(), static_cast<std::size_t>(10 * second + 1));
        EXPECT_GE(run.outcomes.size(), static_cast<std::size_t>(10 * second - 1));
    }
}

TEST(BulkRun, BeginsWithNoneOnceItIsCancelled) {
    TestHub hub({}, 1);
    create(hub, 100);
    BulkWork work = patching(R"({"tags":{"a":1}})");
    work.under_way_max = 10;
    Running run(hub, std::move(work));
    hub.hold();
    run.run->add(targets(100));
    hub.settle();
    run.run->cancel();
    hub.release();
    hub.settle();
    EXPECT_EQ(run.outcomes.size(), 10u);
    EXPECT_TRUE(run.run->is_idle());
    EXPECT_EQ(changes_by_work(hub).size(), 10u);
}

TEST(BulkRun, FindsWhatItDidBefore) {
    TestHub hub;
    create(hub, 4);
    const Instant since = hub.clock().now();
    {
        Running first(hub, patching(R"({"tags":{"a":1}})"));
        first.run->add({{id_of("d0"), {}, false}, {id_of("d1"), {}, false}});
        hub.settle();
    }
    hub.clock().advance(1s);
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"a":null}})"));  // others came after it
    ASSERT_TRUE(hub.patch(id_of("d2"), R"({"tags":{"a":1}})"));     // not by the work
    ASSERT_TRUE(hub.crash());
    BulkWork work = patching(R"({"tags":{"a":1}})");
    work.since = since;
    Running again(hub, std::move(work));
    again.run->add(targets(4, true));
    hub.settle();
    EXPECT_EQ(again.outcomes.at(0)->how, How::before);
    EXPECT_EQ(again.outcomes.at(0)->versions.version, 3u);
    EXPECT_EQ(again.outcomes.at(1)->how, How::before);
    EXPECT_EQ(again.outcomes.at(1)->versions.version, 3u) << "what the work left behind";
    EXPECT_EQ(again.outcomes.at(2)->how, How::written);
    EXPECT_EQ(again.outcomes.at(3)->how, How::written);

    // The same name at another time is other work.
    BulkWork later = patching(R"({"tags":{"a":2}})");
    later.since = hub.clock().now() + 1h;
    Running other(hub, std::move(later));
    other.run->add(targets(1, true));
    hub.settle();
    EXPECT_EQ(other.outcomes.at(0)->how, How::written);
}

TEST(BulkRun, SaysOfALostCommitThatItIsLost) {
    TestHub hub({}, 1);
    create(hub, 10);
    hub.engine().fail_commits(1, Fault::refused);
    Running run(hub, patching(R"({"tags":{"a":1}})"));
    run.run->add(targets(10));
    hub.settle();
    for (const auto& [number, result] : run.outcomes)
        EXPECT_EQ(result.error().code, Code::unavailable);
    EXPECT_EQ(changes_by_work(hub).size(), 0u);
    run.run->add(targets(10, true));
    hub.settle();
    EXPECT_EQ(changes_by_work(hub).size(), 10u);
}

TEST(Rate, GivesWhatTimeBrings) {
    const Moment start{1h};
    Rate unlimited(0);
    EXPECT_EQ(unlimited.take(1'000'000, start), 1'000'000u);
    Rate rate(100);
    EXPECT_EQ(rate.take(1000, start), 10u);
    EXPECT_EQ(rate.take(1000, start), 0u);
    EXPECT_EQ(rate.take(1000, start + 500ms), 50u);
    EXPECT_EQ(rate.take(20, start + 1h), 20u) << "no more than was asked for";
    EXPECT_EQ(rate.take(1000, start + 1h), 80u) << "and no more than a second's are saved up";
    rate.give_back(5);
    EXPECT_EQ(rate.take(1000, start + 1h), 5u);
    Rate slow(0.5);
    EXPECT_EQ(slow.take(10, start), 1u);
    EXPECT_EQ(slow.take(10, start + 1s), 0u);
    EXPECT_EQ(slow.take(10, start + 2s), 1u);
}

// Killed at any moment as often as may be, it has changed everybody once.
RC_GTEST_PROP(BulkRun, NeitherSkipsNorRepeatsOverCrashes, ()) {
    const std::size_t count = 1 + below(100);
    TestHub hub({}, 1 + below(3));
    create(hub, count);
    const Instant since = hub.clock().now();
    for (std::size_t lives = 1 + below(4); lives > 0; --lives) {
        BulkWork work = patching(R"({"tags":{"a":1}})");
        work.since = since;
        work.under_way_max = 1 + below(100);
        Running run(hub, std::move(work));
        run.run->add(targets(count, true));
        for (std::size_t turns = below(30); turns > 0; --turns) {
            hub.turn_loops();
            if (below(2) == 0) hub.commit();
            if (below(10) == 0)
                (void)hub.begin_patch(id_of("d" + std::to_string(below(count))),
                                      R"({"tags":{"b":1}})");
        }
        RC_ASSERT(hub.crash(1 + below(3)).has_value());
    }
    BulkWork work = patching(R"({"tags":{"a":1}})");
    work.since = since;
    Running last(hub, std::move(work));
    last.run->add(targets(count, true));
    hub.settle();
    RC_ASSERT(last.outcomes.size() == count);
    const std::map<std::string, int> changes = changes_by_work(hub);
    RC_ASSERT(changes.size() == count);
    for (const auto& [id, times] : changes) RC_ASSERT(times == 1);
    RC_ASSERT(wrong_with(hub) == "");
}

}  // namespace
}  // namespace twinhub::hub

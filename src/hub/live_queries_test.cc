// Live queries: a snapshot, and then exactly what happens to its rows.
#include "hub/live_queries.h"

#include "hub/testing/histories.h"
#include "hub/testing/live_follower.h"
#include "query/testing/generators.h"
#include "query/testing/reference.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Ne;
using ::testing::SizeIs;

Code refusal(TestHub& hub, std::string_view text) {
    const auto reader = hub.hub().live_queries().open({plan_of(text), "p", {}});
    return reader ? Code{255} : reader.error().code;
}

void put_tag(TestHub& hub, std::string_view device, int n) {
    ASSERT_TRUE(hub.patch(id_of(device), R"({"tags":{"n":)" + std::to_string(n) + "}}"));
}

TEST(LiveQueries, TellWhatEntersChangesAndLeaves) {
    TestHub hub;
    for (const char* name : {"a", "b", "c"}) hub.create(spec_of(name));
    put_tag(hub, "a", 1);
    LiveFollower live(hub, "SELECT deviceId, tags.n FROM devices WHERE tags.n > 0");
    EXPECT_THAT(live.told(), ElementsAre(R"(snapshot {"first":true,"last":true,"rows":[{"key":)"
                                         R"({"deviceId":"a"},"row":{"deviceId":"a","n":1},)"
                                         R"("version":3}]})"));
    put_tag(hub, "b", 2);
    put_tag(hub, "a", 3);
    put_tag(hub, "b", 0);
    put_tag(hub, "c", 0);
    EXPECT_THAT(
        live.told(),
        ElementsAre(R"(enter {"key":{"deviceId":"b"},"row":{"deviceId":"b","n":2},"version":3})",
                    R"(change {"key":{"deviceId":"a"},"row":{"deviceId":"a","n":3},"version":4})",
                    R"(leave {"key":{"deviceId":"b"},"version":4})"));
}

TEST(LiveQueries, ARowThatStaysAsItIsIsNoNews) {
    TestHub hub;
    hub.create(spec_of("a"));
    put_tag(hub, "a", 1);
    LiveFollower live(hub, "SELECT tags.n FROM devices WHERE tags.n > 0 AND tags.m != 1");
    LiveFollower without(hub, "SELECT deviceId FROM devices WHERE tags.n > 0");
    LiveFollower whole(hub, "SELECT * FROM devices");
    for (LiveFollower* each : {&live, &without, &whole}) each->told();
    put_tag(hub, "a", 2);
    ASSERT_TRUE(hub.patch(id_of("a"), R"({"properties":{"desired":{"x":1}}})"));
    EXPECT_THAT(live.told(), IsEmpty());  // tags.m is missing
    EXPECT_THAT(without.told(), IsEmpty());
    EXPECT_THAT(whole.told(), SizeIs(2));
}

TEST(LiveQueries, TellOfTwinsThatAreCreatedAndDeletedAndCreatedAgain) {
    TestHub hub;
    LiveFollower devices(hub, "SELECT deviceId FROM devices");
    LiveFollower modules(hub, "SELECT moduleId FROM devices.modules");
    EXPECT_THAT(devices.told(), ElementsAre(R"(snapshot {"first":true,"last":true,"rows":[]})"));
    modules.told();
    hub.create(spec_of("a"));
    hub.create(spec_of("a", "m"));
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("a"), {}, author_of())));
    hub.create(spec_of("a"));
    EXPECT_THAT(
        devices.told(),
        ElementsAre(R"(enter {"key":{"deviceId":"a"},"row":{"deviceId":"a"},"version":2})",
                    R"(leave {"key":{"deviceId":"a"},"version":2})",
                    R"(enter {"key":{"deviceId":"a"},"row":{"deviceId":"a"},"version":2})"));
    EXPECT_THAT(modules.told(), ElementsAre(R"(enter {"key":{"deviceId":"a","moduleId":"m"},)"
                                            R"("row":{"moduleId":"m"},"version":2})",
                                            R"(leave {"key":{"deviceId":"a","moduleId":"m"},)"
                                            R"("version":2})"));
}

TEST(LiveQueries, TellOfConnectionsAlsoWhileTheTwinIsNotInMemory) {
    Settings settings;
    settings.cached_twins_max = 0;
    TestHub hub(settings);
    hub.create(spec_of("a"));
    LiveFollower live(hub, "SELECT deviceId FROM devices WHERE connectionState = 'Connected'");
    LiveFollower seen(hub, "SELECT lastActivityTime FROM devices");
    TestLink link;
    hub.connect(id_of("a"), link);
    live.told();
    seen.told();
    hub.tick_for(60s);  // the twin leaves the memory
    hub.shard(id_of("a")).note_activity(id_of("a"));
    hub.shard(id_of("a")).detach(id_of("a"), link);
    EXPECT_THAT(live.told(), ElementsAre(R"(leave {"key":{"deviceId":"a"},"version":2})"));
    EXPECT_THAT(seen.told(), ElementsAre(HasSubstr("2026-03-01T00:01:00Z")));
}

TEST(LiveQueries, TellOnlyWhatIsDurable) {
    TestHub hub;
    hub.create(spec_of("a"));
    LiveFollower live(hub, "SELECT tags.n FROM devices");
    live.told();
    hub.hold();
    const auto patched = hub.begin_patch(id_of("a"), R"({"tags":{"n":5}})");
    EXPECT_THAT(live.told(), IsEmpty());
    hub.release();
    EXPECT_THAT(live.told(), SizeIs(1));
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    EXPECT_FALSE(hub.patch(id_of("a"), R"({"tags":{"n":7}})"));
    EXPECT_THAT(live.told(), IsEmpty());
}

TEST(LiveQueries, ASnapshotInPartsShowsOneInstantAndEventsFollowIt) {
    TestHub hub;
    for (int i = 0; i < 6; ++i) hub.create(spec_of("d" + std::to_string(i)));
    LiveFollower live(hub, "SELECT tags.n FROM devices", {}, 30);
    EXPECT_THAT(live.step(), ElementsAre(HasSubstr(R"({"first":true,"last":false)")));
    put_tag(hub, "d0", 1);  // shown
    put_tag(hub, "d5", 1);  // not shown yet
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("d4"), {}, author_of())));
    const std::vector<std::string> rest = live.told();
    EXPECT_EQ(live.resets(), 0u);
    EXPECT_EQ(std::ranges::count_if(
                  rest, [](const std::string& each) { return each.starts_with("change"); }),
              2);
    EXPECT_EQ(live.twice(), "");
    EXPECT_THAT(live.rows(), SizeIs(5));
    EXPECT_EQ(live.rows().at(R"({"deviceId":"d5"})"), R"({"n":1})");
}

TEST(LiveQueries, GoOnBehindATokenWithoutLossOrRepetition) {
    TestHub hub;
    hub.create(spec_of("a"));
    const std::string text = "SELECT tags.n FROM devices";
    auto live = std::make_unique<LiveFollower>(hub, text);
    put_tag(hub, "a", 1);
    live->told();
    const std::string token = live->token();
    put_tag(hub, "a", 2);
    EXPECT_THAT(live->told(), SizeIs(1));  // and lost on its way
    live.reset();
    put_tag(hub, "a", 3);
    hub.tick_for(30s);
    live = std::make_unique<LiveFollower>(hub, text, token);
    EXPECT_TRUE(live->resumed());
    EXPECT_THAT(live->told(), ElementsAre(HasSubstr(R"("n":2)"), HasSubstr(R"("n":3)")));
    EXPECT_THAT(live->token(), Ne(token));
}

TEST(LiveQueries, AReaderThatComesBackTakesThePlaceOfTheOldOne) {
    TestHub hub;
    hub.create(spec_of("a"));
    LiveFollower old(hub, "SELECT tags.n FROM devices");
    old.told();
    LiveFollower live(hub, "SELECT tags.n FROM devices", old.token());
    EXPECT_TRUE(live.resumed());
    put_tag(hub, "a", 1);
    EXPECT_THAT(live.told(), SizeIs(1));
    EXPECT_THAT(old.told(), IsEmpty());
    EXPECT_EQ(old.error(), Code::unavailable);
}

TEST(LiveQueries, BeginAnewForATokenThatIsGoodNoMore) {
    Settings settings;
    settings.live_query_bytes_max = 2000;
    TestHub hub(settings);
    hub.create(spec_of("a"));
    const std::string text = "SELECT tags.n FROM devices";
    const auto begins_anew = [&](const std::string& token, std::string_view asked,
                                 const char* principal = "p") {
        LiveFollower live(hub, asked, token, 1 << 20, principal);
        const bool anew = !live.resumed();
        const auto told = live.told();
        EXPECT_THAT(told, ElementsAre(HasSubstr(R"({"first":true,"resumed":false,"last":true)")));
        return anew;
    };
    const auto token_of = [&] {
        LiveFollower live(hub, text);
        live.told();
        return live.token();
    };
    EXPECT_TRUE(begins_anew("nonsense", text));
    EXPECT_TRUE(begins_anew("0123.4", text));
    EXPECT_TRUE(begins_anew(token_of() + "7", text));
    EXPECT_TRUE(begins_anew(token_of(), "SELECT tags.n FROM devices "));
    EXPECT_TRUE(begins_anew(token_of(), text, "somebody else"));
    std::string token = token_of();
    hub.tick_for(62s);
    EXPECT_TRUE(begins_anew(token, text));
    token = token_of();
    for (int i = 0; i < 30; ++i) put_tag(hub, "a", i);  // more than is kept
    EXPECT_TRUE(begins_anew(token, text));
}

TEST(LiveQueries, AReaderThatFallsBehindGetsAFreshSnapshot) {
    Settings settings;
    settings.live_query_bytes_max = 2000;
    TestHub hub(settings);
    hub.create(spec_of("a"));
    LiveFollower live(hub, "SELECT tags.n FROM devices");
    live.told();
    for (int i = 0; i < 30; ++i) put_tag(hub, "a", i);
    const auto told = live.told();
    // The first came while it waited.
    EXPECT_THAT(told, ElementsAre(HasSubstr("change"), R"(reset {"reason":"behind"})",
                                  HasSubstr("\"n\":29")));
    put_tag(hub, "a", 100);
    EXPECT_THAT(live.told(), ElementsAre(HasSubstr("change")));
    EXPECT_EQ(hub.metrics().live_resets.Value(), 1);
}

TEST(LiveQueries, CountGroupsAgainAtMostOnceASecond) {
    TestHub hub;
    for (const char* name : {"a", "b", "c"}) hub.create(spec_of(name));
    put_tag(hub, "a", 1);
    LiveFollower live(hub, "SELECT COUNT() AS c FROM devices GROUP BY tags.n");
    LiveFollower all(hub, "SELECT COUNT() AS c FROM devices WHERE tags.n > 0");
    EXPECT_THAT(live.told(),
                ElementsAre(HasSubstr(R"([{"row":{"c":2}},{"key":1,"row":{"c":1}}])")));
    EXPECT_THAT(all.told(), ElementsAre(HasSubstr(R"([{"row":{"c":1}}])")));
    put_tag(hub, "b", 1);
    EXPECT_THAT(live.told(), IsEmpty());
    hub.tick(1s);
    EXPECT_THAT(live.told(),
                ElementsAre(R"(group {"row":{"c":1}})", R"(group {"key":1,"row":{"c":2}})"));
    EXPECT_THAT(all.told(), ElementsAre(R"(group {"row":{"c":2}})"));
    put_tag(hub, "c", 1);
    ASSERT_TRUE(hub.patch(id_of("c"), R"({"tags":{"other":1}})"));
    hub.tick(1s);
    EXPECT_THAT(live.told(),
                ElementsAre(R"(group {"key":1,"row":{"c":3}})", R"(group {"row":null})"));
}

TEST(LiveQueries, RefuseWhatCannotBeLive) {
    TestHub hub;
    for (const char* text :
         {"SELECT TOP 5 * FROM devices", "SELECT * FROM devices LIMIT 3",
          "SELECT * FROM devices ORDER BY deviceId", "SELECT * FROM devices OFFSET 1",
          "SELECT COUNT() FROM devices GROUP BY tags.a, tags.b", "SELECT * FROM devices.jobs",
          "EXPLAIN SELECT * FROM devices", "SELECT * FROM devices AS OF '-PT1H'",
          "SELECT * FROM devices WHERE lastActivityTime < NOW()",
          "SELECT * FROM devices WHERE AGE_SECONDS(lastActivityTime) > 5"})
        EXPECT_EQ(refusal(hub, text), Code::argument_invalid) << text;
}

TEST(LiveQueries, AreLimitedInNumberAndThoseWithoutAReaderGoFirst) {
    Settings settings;
    settings.live_queries_max = 2;
    TestHub hub(settings);
    LiveFollower one(hub, "SELECT * FROM devices");
    auto two = std::make_unique<LiveFollower>(hub, "SELECT * FROM devices");
    one.told();
    two->told();
    EXPECT_EQ(refusal(hub, "SELECT * FROM devices"), Code::throttled);
    two.reset();
    LiveFollower three(hub, "SELECT * FROM devices");
    EXPECT_THAT(three.told(), SizeIs(1));
    hub.tick();
    EXPECT_EQ(hub.metrics().live_queries.Value(), 2);
}

TEST(LiveQueries, CostACommitNothingWhenThereIsNone) {
    TestHub hub;
    hub.create(spec_of("a"));
    {
        LiveFollower live(hub, "SELECT * FROM devices");
        live.told();
        EXPECT_EQ(hub.shard(id_of("a")).live().queries(), 1u);
    }
    hub.tick_for(62s);
    EXPECT_EQ(hub.shard(id_of("a")).live().queries(), 0u);
    EXPECT_EQ(hub.metrics().live_queries.Value(), 0);
}

// A query that can be live out of one that may not.
std::shared_ptr<const query::Plan> any_live_plan() {
    while (true) {
        auto plan = query::compile(*query::testing::any_query(query::Dialect::extended)).value();
        plan.order_by.clear();
        plan.limit.reset();
        plan.offset = 0;
        auto shared = std::make_shared<const query::Plan>(std::move(plan));
        if (live_plan(shared)) return shared;
    }
}

// Whatever happens, who follows has the answer at every quiet moment, and is told nothing twice.
RC_GTEST_PROP(LiveQueries, FoldedEventsAreTheAnswer, ()) {
    Settings settings;
    settings.checkpoint_age = std::chrono::milliseconds(below(3000));
    settings.live_query_bytes_max = below(4) == 0 ? 3000 : 1 << 20;
    TestHub hub(settings, 1 + below(3));
    TestLink link;
    for (std::size_t changes = below(8); changes > 0; --changes)
        change_something(hub, link, Restarts::no);
    const auto plan = any_live_plan();
    auto live = std::make_unique<LiveFollower>(hub, plan, "", 1 + below(2000));
    for (std::size_t round = 1 + below(6); round > 0; --round) {
        if (below(2) == 0) live->step();  // the history goes on in the middle of a snapshot
        if (below(3) == 0) {
            const std::string token = live->token();
            auto rows = live->rows();
            live.reset();
            change_something(hub, link, Restarts::no);
            live = std::make_unique<LiveFollower>(hub, plan, token, 1 + below(2000));
            if (live->resumed()) live->start_from(std::move(rows));
        }
        for (std::size_t changes = 1 + below(8); changes > 0; --changes)
            change_something(hub, link, Restarts::no);
        if (below(3) != 0) continue;
        live->told();
        hub.tick(2s);  // groups are counted again
        live->told();
        // It may have been too slow for its room: then it has to ask again.
        if (live->error() == Code::unavailable) {
            live = std::make_unique<LiveFollower>(hub, plan);
            live->told();
        }
        std::vector<std::string> wanted;
        for (const std::string& row : answer_of(hub, plan))
            wanted.push_back(query::testing::canonical_json(parse_json(row).value()));
        std::vector<std::string> found;
        for (const auto& [key, row] : live->rows())
            found.push_back(query::testing::canonical_json(parse_json(row).value()));
        std::ranges::sort(wanted);
        std::ranges::sort(found);
        if (found != wanted) {
            RC_LOG() << plan->text << "\nfound\n";
            for (const std::string& row : found) RC_LOG() << "  " << row << '\n';
            RC_LOG() << "wanted\n";
            for (const std::string& row : wanted) RC_LOG() << "  " << row << '\n';
        }
        RC_ASSERT(found == wanted);
        RC_ASSERT(live->twice() == "");
    }
}

}  // namespace
}  // namespace twinhub::hub

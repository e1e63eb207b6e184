// Fleet queries about the past: what they answer is what the same query answered then.
#include "hub/as_of/past_plan.h"
#include "hub/drift/drift.h"
#include "hub/queries.h"
#include "hub/testing/histories.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Instant t0 = TestClock::start;

std::string as_of(Instant at) { return " AS OF '" + format_instant(at) + "' "; }

std::vector<std::string> then(TestHub& hub, Instant at, std::string_view rest = "") {
    return answer_of(hub, "SELECT deviceId, tags.n FROM devices" + as_of(at) + std::string(rest));
}

TEST(AsOf, ShowsWhatWasChangedCreatedAndDeletedSince) {
    TestHub hub;
    for (const char* name : {"a", "b", "c"}) {
        hub.create(spec_of(name));
        ASSERT_TRUE(hub.patch(id_of(name), R"({"tags":{"n":1}})"));
    }
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id_of("b"), R"({"tags":{"n":2}})"));
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("c"), {}, author_of())));
    hub.create(spec_of("d"));
    const auto before = ElementsAre(R"({"deviceId":"a","n":1})", R"({"deviceId":"b","n":1})",
                                    R"({"deviceId":"c","n":1})");
    EXPECT_THAT(then(hub, t0), before);
    EXPECT_THAT(then(hub, t0 + 10s),
                ElementsAre(R"({"deviceId":"a","n":1})", R"({"deviceId":"b","n":2})",
                            R"({"deviceId":"d"})"));
    EXPECT_THAT(then(hub, t0 - 1s), IsEmpty());
    hub.clock().advance(5s);
    EXPECT_THAT(answer_of(hub, "SELECT deviceId, tags.n FROM devices AS OF '-PT15S'"), before);
    EXPECT_THAT(
        answer_of(hub, "SELECT tags.n, COUNT() AS k FROM devices" + as_of(t0) + "GROUP BY tags.n"),
        ElementsAre(R"({"n":1,"k":3})"));
    EXPECT_THAT(then(hub, t0, "WHERE deviceId = 'c'"), ElementsAre(R"({"deviceId":"c","n":1})"));
    EXPECT_THAT(then(hub, t0, "ORDER BY deviceId DESC LIMIT 1"),
                ElementsAre(R"({"deviceId":"c","n":1})"));
}

TEST(AsOf, KnowsTheIdentityAsItWasThen) {
    TestHub hub;
    hub.create(spec_of("a"));
    hub.clock().advance(10s);
    IdentitySpec off = spec_of("a");
    off.status = Status::disabled;
    off.status_reason = "stolen";
    ASSERT_TRUE(hub.run(hub.registry().update(off, twin::Match::any(), author_of())));
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("a"), {}, author_of())));
    const auto states = [&](Instant at) {
        return answer_of(hub, "SELECT status, statusReason FROM devices" + as_of(at));
    };
    EXPECT_THAT(states(t0), ElementsAre(R"({"status":"enabled"})"));
    EXPECT_THAT(states(t0 + 10s), ElementsAre(R"({"status":"disabled","statusReason":"stolen"})"));
    EXPECT_THAT(states(t0 + 20s), IsEmpty());
}

TEST(AsOf, LeavesOutWhatIsNotRecorded) {
    TestHub hub;
    hub.create(spec_of("a"));
    TestLink link;
    hub.connect(id_of("a"), link);
    const auto rows = answer_of(hub, "SELECT * FROM devices" + as_of(t0));
    ASSERT_THAT(rows, SizeIs(1));
    for (const char* unknown : {"connectionState", "lastActivityTime", "cloudToDeviceMessageCount"})
        EXPECT_THAT(rows[0], ::testing::Not(HasSubstr(unknown)));
    EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices" + as_of(t0) +
                                   "WHERE connectionState = 'Connected'"),
                IsEmpty());
    EXPECT_THAT(answer_of(hub, "SELECT $connection.since AS s FROM devices" + as_of(t0)),
                ElementsAre("{}"));
    hub.shard(id_of("a")).detach(id_of("a"), link);
}

TEST(AsOf, JudgesDriftByTheDocumentsOfThatMoment) {
    TestHub hub;
    TestLink link;
    for (const char* name : {"a", "b", "c"}) hub.create(spec_of(name));
    ASSERT_TRUE(hub.patch(id_of("a"), R"({"properties":{"desired":{"v":1}}})"));
    ASSERT_TRUE(hub.patch(id_of("b"), R"({"properties":{"desired":{"v":1}}})"));
    hub.clock().advance(10s);
    (void)hub.begin_report(id_of("a"), R"({"v":1})");
    (void)hub.begin_report(id_of("b"), R"({"v":2})");
    hub.settle();
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id_of("c"), R"({"properties":{"desired":{"v":1}}})"));
    hub.connect(id_of("c"), link);
    const auto states = [&](Instant at) {
        return answer_of(hub, "SELECT deviceId, $drift.state AS s FROM devices" + as_of(at));
    };
    EXPECT_THAT(states(t0), ElementsAre(R"({"deviceId":"a","s":"pending"})",
                                        R"({"deviceId":"b","s":"pending"})",
                                        R"({"deviceId":"c","s":"untracked"})"));
    EXPECT_THAT(states(t0 + 10s), ElementsAre(R"({"deviceId":"a","s":"converged"})",
                                              R"({"deviceId":"b","s":"drifted"})",
                                              R"({"deviceId":"c","s":"untracked"})"));
    EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices" + as_of(t0 + 20s) +
                                   "WHERE DRIFT_STATE(properties.desired.v) = 'pending'"),
                ElementsAre(R"({"deviceId":"c"})"));
    hub.shard(id_of("c")).detach(id_of("c"), link);
    EXPECT_THAT(states(t0 + 20s), ElementsAre(R"({"deviceId":"a","s":"converged"})",
                                              R"({"deviceId":"b","s":"drifted"})",
                                              R"({"deviceId":"c","s":"pending"})"));
}

TEST(AsOf, SaysSinceWhenHistoryIsKept) {
    Settings settings;
    settings.history_age = 20s;
    settings.history_count = 0;
    TestHub hub(settings);
    hub.create(spec_of("a"));
    ASSERT_TRUE(hub.patch(id_of("a"), R"({"tags":{"n":1}})"));
    hub.tick_for(600s);
    const auto page = page_of(hub, "SELECT * FROM devices" + as_of(t0));
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, Code::history_unavailable);
    EXPECT_THAT(page.error().message, HasSubstr("kept since 2026-03-01T00:00:00.0000001Z"));
    EXPECT_THAT(then(hub, t0 + 500s), ElementsAre(R"({"deviceId":"a","n":1})"));
}

TEST(AsOf, RefusesWhatIsToComeAndWhatIsTooMuch) {
    Settings settings;
    settings.as_of.twins_max = 2;
    TestHub hub(settings);
    const auto refusal = [&](const std::string& text) { return page_of(hub, text).error(); };
    EXPECT_EQ(refusal("SELECT * FROM devices" + as_of(t0 + 1s)).code, Code::argument_invalid);
    for (const char* name : {"a", "b", "c"}) hub.create(spec_of(name));
    const Error over = refusal("SELECT * FROM devices" + as_of(t0 - 1s));
    EXPECT_EQ(over.code, Code::unavailable);
    EXPECT_THAT(over.message, HasSubstr("More than 2 twins"));
    EXPECT_THAT(then(hub, t0), SizeIs(3));
}

TEST(AsOf, ReadsAgainWhatDidNotReachTheDiskWhenItWasAskedFirst) {
    TestHub hub;
    hub.create(spec_of("a"));
    ASSERT_TRUE(hub.patch(id_of("a"), R"({"tags":{"n":1}})"));
    hub.clock().advance(10s);
    auto patch = hub.begin_patch(id_of("a"), R"({"tags":{"n":2}})");
    (void)hub.turn_loops();
    hub.clock().advance(1s);
    const Instant at = hub.clock().now();
    EXPECT_THAT(then(hub, at - 1s), SizeIs(1));
    hub.settle();
    EXPECT_THAT(then(hub, at), ElementsAre(R"({"deviceId":"a","n":2})"));
    EXPECT_THAT(then(hub, at - 1s), ElementsAre(R"({"deviceId":"a","n":2})"));
}

TEST(AsOf, ItsPagesAreAllAboutOneMoment) {
    TestHub hub;
    for (const char* name : {"a", "b", "c", "d"}) {
        hub.create(spec_of(name));
        ASSERT_TRUE(hub.patch(id_of(name), R"({"tags":{"n":1}})"));
    }
    hub.clock().advance(10s);
    const auto plan = plan_of("SELECT deviceId, tags.n FROM devices AS OF '-PT10S'");
    const auto first = page_of(hub, plan, {}, 2);
    ASSERT_TRUE(first);
    EXPECT_THAT(first->rows, ElementsAre(R"({"deviceId":"a","n":1})", R"({"deviceId":"b","n":1})"));
    hub.clock().advance(10s);
    ASSERT_TRUE(hub.patch(id_of("c"), R"({"tags":{"n":2}})"));
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("d"), {}, author_of())));
    ASSERT_TRUE(hub.restart(3));  // what it had prepared is gone
    const auto second = page_of(hub, plan, first->cursor, 2);
    ASSERT_TRUE(second);
    EXPECT_THAT(second->rows,
                ElementsAre(R"({"deviceId":"c","n":1})", R"({"deviceId":"d","n":1})"));
}

// Every statement must mean the same then and now.
const std::vector<std::string> questions{
    "SELECT * FROM devices",
    "SELECT * FROM devices.modules",
    "SELECT deviceId, moduleId, version, properties.desired.$version AS d FROM devices.modules "
    "ORDER BY version DESC",
    "SELECT status, COUNT() AS n, MAX(version) AS v FROM devices GROUP BY status",
    "SELECT * FROM devices WHERE NOT is_defined(tags.a) OR is_object(properties.reported.b)",
    "SELECT properties.desired.$metadata AS m FROM devices WHERE version > 2 ORDER BY modelId",
    "SELECT etag, deviceEtag, statusUpdateTime FROM devices ORDER BY deviceId DESC LIMIT 3",
};

query::Plan now_of(const std::string& text) { return past_plan(*plan_of(text)); }

std::string with_moment(std::string text, Instant at) {
    const std::size_t from = text.find("FROM devices");
    std::size_t end = text.find(' ', from + 5);
    end = std::min(end, text.size());
    return text.insert(end, as_of(at));
}

using Answers = std::vector<std::vector<std::string>>;

Answers answers_now(TestHub& hub) {
    Answers answers;
    for (const std::string& text : questions)
        answers.push_back(answer_of(hub, std::make_shared<const query::Plan>(now_of(text))));
    return answers;
}

RC_GTEST_PROP(AsOf, EqualsWhatTheSameQueryAnsweredThen, ()) {
    Settings settings;
    settings.checkpoint_age = std::chrono::seconds(1 + below(20));
    TestHub hub(settings, 1 + below(3));
    TestLink link;
    std::map<Instant, Answers> past;
    const std::size_t steps = 1 + below(20);
    for (std::size_t i = 0; i < steps; ++i) {
        hub.clock().advance(Ticks{1 + static_cast<std::int64_t>(below(3))});
        change_something(hub, link);
        hub.settle();
        past[hub.clock().now()] = answers_now(hub);
    }
    for (const auto& [at, answers] : past) {
        if (below(6) == 0) RC_ASSERT(hub.crash(1 + below(3)).has_value());
        for (std::size_t i = 0; i < questions.size(); ++i)
            RC_ASSERT(answer_of(hub, with_moment(questions[i], at), 1 + below(8)) == answers[i]);
    }
}

// Whoever asks again is answered from what the first one left, and what has changed since.
RC_GTEST_PROP(AsOf, IsTheSameHoweverOftenItIsAskedMeanwhile, ()) {
    TestHub hub({}, 1 + below(3));
    TestLink link;
    for (std::size_t i = 0; i < 1 + below(12); ++i) {
        hub.clock().advance(1s);
        change_something(hub, link, Restarts::no);
    }
    hub.settle();
    const Instant at = hub.clock().now();
    const Answers answers = answers_now(hub);
    for (std::size_t round = 0; round < 2 + below(6); ++round) {
        for (std::size_t i = below(4); i > 0; --i) {
            hub.clock().advance(Ticks{1});
            change_something(hub, link, Restarts::no);
        }
        hub.settle();
        for (std::size_t asked = below(4); asked > 0; --asked) {
            const std::size_t i = below(questions.size());
            RC_ASSERT(answer_of(hub, with_moment(questions[i], at), 1 + below(8)) == answers[i]);
        }
    }
}

RC_GTEST_PROP(AsOf, IsExactWhileTheFleetGoesOn, ()) {
    TestHub hub;
    TestLink link;
    for (std::size_t i = 0; i < 1 + below(12); ++i) {
        hub.clock().advance(1s);
        change_something(hub, link, Restarts::no);
    }
    hub.settle();
    const Instant at = hub.clock().now();
    const Answers answers = answers_now(hub);
    const std::size_t asked = below(questions.size());
    hub.clock().advance(1s);
    // The query and the changes take turns, in any order.
    auto answer = hub.begin(
        hub.hub().queries().run(plan_of(with_moment(questions[asked], at)), {.rows_max = 1000}));
    for (std::size_t i = 0; i < 2 + below(10); ++i) {
        for (std::size_t turns = below(4); turns > 0; --turns) (void)hub.turn_loops();
        hub.clock().advance(Ticks{1});
        const std::string name = "d" + std::to_string(below(6));
        switch (below(3)) {
            case 0:
                (void)hub.begin_patch(id_of(name), R"({"tags":{"a":)" + std::to_string(i) + "}}");
                break;
            case 1: (void)hub.begin(hub.registry().remove(id_of(name), {}, author_of())); break;
            default: (void)hub.begin(hub.registry().create(spec_of(name), author_of()));
        }
        if (below(2) == 0) (void)hub.commit();
    }
    hub.settle();
    RC_ASSERT(answer.there());
    RC_ASSERT(answer.get().has_value());
    RC_ASSERT(answer.get()->rows == answers[asked]);
}

}  // namespace
}  // namespace twinhub::hub

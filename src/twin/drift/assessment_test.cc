#include "twin/drift/assessment.h"

#include "twin/testing/generators.h"

#include <gtest/gtest.h>

namespace twinhub::twin::drift {
namespace {

using twin::testing::after;
using twin::testing::after_report;
using twin::testing::at;
using twin::testing::twin_of;

Twin waiting() {  // desired at second 10
    return after(twin_of("{}", "{}"), R"({"properties":{"desired":{"p":1}}})", at(10));
}

TEST(DriftOverlay, MakesAWaitingPropertyOfAnAbsentDeviceOffline) {
    const Assessment made = assess(waiting(), {}, false, {false, at(5), at(5)}, at(9999));
    EXPECT_EQ(made.state, State::offline);
    EXPECT_EQ(made.since, at(10));
    EXPECT_EQ(made.properties[0].verdict.reason, Reason::unreported);
    EXPECT_EQ(made.counts[index_of(State::offline)], 1u);
    EXPECT_EQ(assess(waiting(), {}, false, {false, at(50), at(50)}, at(60)).since, at(50));
}

TEST(DriftOverlay, MakesItStaleAfterTheTimeout) {
    const auto state = [](Connection connection, int now) {
        return assess(waiting(), {}, false, connection, at(now)).state;
    };
    EXPECT_EQ(state({true, at(0), at(0)}, 310), State::pending);
    EXPECT_EQ(state({true, at(0), at(0)}, 311), State::stale);
    EXPECT_EQ(state({true, at(100), at(100)}, 400), State::pending);
    EXPECT_EQ(state({true, at(100), at(100)}, 401), State::stale);
    EXPECT_EQ(state({true, never, never}, 311), State::stale);
    const Assessment made = assess(waiting(), {}, false, {true, at(100), at(100)}, at(500));
    EXPECT_EQ(made.since, at(400));
    EXPECT_EQ(made.properties[0].stale_at, at(400));
}

TEST(DriftOverlay, TouchesNothingElse) {
    const Twin twin = after_report(waiting(), R"({"p":{"value":2,"ac":400,"av":2}})", at(20));
    for (const bool connected : {false, true})
        EXPECT_EQ(assess(twin, {}, false, {connected, at(0), at(0)}, at(99999)).state,
                  State::rejected);
}

TEST(DriftAssessment, IsTheWorstOfItsProperties) {
    Twin twin = twin_of("{}", R"({"bad":1,"good":1,"none":1,"off":1})");
    EXPECT_EQ(assess(twin_of("{}", "{}"), {}, false, {}, at(1)).state, State::untracked);
    twin = after_report(twin, R"({"good":1})", at(1));
    EXPECT_EQ(assess(twin, {}, false, {true, at(0), at(0)}, at(2)).state, State::pending);
    twin = after_report(twin, R"({"off":2})", at(2));
    EXPECT_EQ(assess(twin, {}, false, {true, at(0), at(0)}, at(3)).state, State::drifted);
    twin = after_report(twin, R"({"bad":{"ac":500,"av":1,"ad":"broken"}})", at(3));
    const Assessment made = assess(twin, {}, false, {true, at(0), at(0)}, at(4));
    EXPECT_EQ(made.state, State::rejected);
    EXPECT_EQ(made.worst()->path, "bad");
    EXPECT_EQ(made.since, at(3));
    const std::array<std::uint32_t, state_count> counts{0, 1, 1, 0, 0, 1, 1};
    EXPECT_EQ(made.counts, counts);
}

TEST(DriftAssessment, IsFreshWhileTheDeviceIsThereOrWasLately) {
    const Twin twin = twin_of("{}", R"({"p":1})", R"({"p":1})");
    const auto fresh = [&](Connection connection, std::chrono::hours later) {
        return assess(twin, {}, false, connection, at(0) + later).fresh;
    };
    using std::chrono::hours;
    EXPECT_TRUE(fresh({true, at(0), at(0)}, hours{900}));
    EXPECT_TRUE(fresh({false, at(0), at(0)}, hours{24}));
    EXPECT_FALSE(fresh({false, at(0), at(0)}, hours{25}));
    EXPECT_FALSE(fresh({false, never, never}, hours{0}));
    EXPECT_EQ(assess(twin, {}, false, {false, at(0), at(0)}, at(0) + hours{99}).state,
              State::converged);
}

TEST(DriftAssessment, HasTimeoutsForPathsAndTags) {
    Policy policy;
    policy.overrides.resize(2);
    policy.overrides[0].paths = Glob::parse("p").value();
    policy.overrides[0].pending_timeout = std::chrono::seconds{10};
    policy.overrides[1].tag = Override::TagIs{"slow", true};
    policy.overrides[1].pending_timeout = std::chrono::seconds{1000};
    EXPECT_EQ(assess(waiting(), policy, false, {true, at(0), at(0)}, at(21)).state, State::stale);
    const Twin slow = after(waiting(), R"({"tags":{"slow":true}})", at(11));
    EXPECT_EQ(assess(slow, policy, false, {true, at(0), at(0)}, at(900)).state, State::pending);
}

TEST(DriftPolicy, NamesWhatIsWrong) {
    Policy policy;
    EXPECT_TRUE(policy.check());
    policy.overrides.emplace_back();
    policy.overrides[0].paths = Glob::parse("a").value();
    policy.overrides[0].strict = true;
    EXPECT_EQ(policy.check().error().where, "drift.overrides[0]");
    policy = {};
    policy.property.tolerance.relative = -1;
    EXPECT_FALSE(policy.check());
    policy = {};
    policy.twin.fresh_for = -std::chrono::seconds{1};
    EXPECT_FALSE(policy.check());
}

TEST(DriftPolicy, HasAFingerprintOfWhatChangesVerdicts) {
    const Policy base;
    EXPECT_EQ(base.fingerprint(), Policy{}.fingerprint());
    Policy other;
    other.twin.strict = true;
    EXPECT_NE(base.fingerprint(), other.fingerprint());
    other = {};
    other.overrides.emplace_back().tracked = false;
    EXPECT_NE(base.fingerprint(), other.fingerprint());
    other.overrides[0].paths = Glob::parse("a").value();
    const auto with_path = other.fingerprint();
    other.overrides[0].tag = Override::TagIs{"a", 1};
    EXPECT_NE(with_path, other.fingerprint());
}

}  // namespace
}  // namespace twinhub::twin::drift

// The rules of spec twin-document 15.2, one row each.
#include "twin/drift/verdict.h"

#include "twin/testing/generators.h"

#include <gmock/gmock.h>

namespace twinhub::twin::drift {
namespace {

using twin::testing::after;
using twin::testing::after_report;
using twin::testing::at;
using twin::testing::twin_of;

struct Row {
    const char* name;
    std::string desired;   // written at second 10, as version 2
    std::string reported;  // reported at second `reported_at`
    int reported_at = 20;
    State state;
    Reason reason;
    std::string before = "{}";  // reported at second 5
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

Twin twin_of_row(const Row& row) {
    Twin twin = twin_of("{}", "{}");
    twin = after_report(twin, row.before, at(5));
    const std::string body = R"({"properties":{"desired":)" + row.desired + "}}";
    if (row.reported_at < 10) twin = after_report(twin, row.reported, at(row.reported_at));
    twin = after(twin, body, at(10));
    if (row.reported_at >= 10) twin = after_report(twin, row.reported, at(row.reported_at));
    return twin;
}

BaseProperty only_property(const Twin& twin, const Policy& policy = {}) {
    auto all = Judge(twin, policy, false).all();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? BaseProperty{} : std::move(all[0]);
}

class DriftRules : public ::testing::TestWithParam<Row> {};

TEST_P(DriftRules, DecideTheBaseState) {
    const Row& row = GetParam();
    const Twin twin = twin_of_row(row);
    const BaseProperty property = only_property(twin);
    EXPECT_EQ(name_of(property.verdict.state), name_of(row.state));
    EXPECT_EQ(name_of(property.verdict.reason), name_of(row.reason));
}

INSTANTIATE_TEST_SUITE_P(
    Table, DriftRules,
    ::testing::Values(
        Row{"AckBehind", R"({"p":1})", R"({"p":{"value":1,"ac":200,"av":1}})", 20, State::pending,
            Reason::ack_behind},
        Row{"OldRefusalDoesNotCondemnANewValue", R"({"p":1})",
            R"({"p":{"value":7,"ac":400,"av":1}})", 20, State::pending, Reason::ack_behind},
        Row{"InProgress", R"({"p":1})", R"({"p":{"value":7,"ac":202,"av":2}})", 20, State::pending,
            Reason::in_progress},
        Row{"Refused", R"({"p":1})", R"({"p":{"value":7,"ac":400,"av":2,"ad":"no"}})", 20,
            State::rejected, Reason::refused},
        Row{"RefusedThoughItMatches", R"({"p":1})", R"({"p":{"value":1,"ac":404,"av":2}})", 20,
            State::rejected, Reason::refused},
        Row{"Failed", R"({"p":1})", R"({"p":{"value":7,"ac":500,"av":2}})", 20, State::rejected,
            Reason::failed},
        Row{"Acknowledged", R"({"p":1})", R"({"p":{"value":1,"ac":200,"av":2}})", 20,
            State::converged, Reason::acknowledged},
        Row{"AcknowledgedAheadOfTheVersion", R"({"p":1})", R"({"p":{"value":1,"ac":200,"av":9}})",
            20, State::converged, Reason::acknowledged},
        Row{"AcknowledgedAsADouble", R"({"p":1})", R"({"p":{"value":1.0,"ac":200,"av":2}})", 20,
            State::converged, Reason::acknowledged},
        Row{"Adjusted", R"({"p":1})", R"({"p":{"value":2,"ac":200,"av":2}})", 20, State::drifted,
            Reason::adjusted},
        Row{"AcknowledgedWithoutValue", R"({"p":1})", R"({"p":{"ac":200,"av":2}})", 20,
            State::drifted, Reason::adjusted},
        Row{"DevicesOwnValueIsBehindEveryWish", R"({"p":1})",
            R"({"p":{"value":1,"ac":203,"av":0}})", 20, State::pending, Reason::ack_behind},
        Row{"AckOfTheObjectAbove", R"({"o":{"p":1}})", R"({"o":{"value":{"p":1},"ac":200,"av":2}})",
            20, State::converged, Reason::acknowledged},
        Row{"AckOfTheObjectAboveLacksTheField", R"({"o":{"p":1}})",
            R"({"o":{"value":{"q":1},"ac":200,"av":2}})", 20, State::drifted, Reason::adjusted},
        Row{"AckInsideAComponent", R"({"c":{"__t":"c","p":1}})",
            R"({"c":{"__t":"c","p":{"value":1,"ac":200,"av":2}}})", 20, State::converged,
            Reason::acknowledged},
        Row{"AckOfTheWholePart", R"({"p":1})", R"({"value":{"p":1},"ac":200,"av":2})", 20,
            State::converged, Reason::acknowledged},
        Row{"TheFirstAckCounts", R"({"o":{"p":1}})",
            R"({"o":{"ac":400,"av":2,"value":{"p":{"value":1,"ac":200,"av":2}}}})", 20,
            State::rejected, Reason::refused},
        Row{"AckWithoutNumbersIsAMirror", R"({"p":1})", R"({"p":{"value":1,"ac":"200","av":2}})",
            20, State::drifted, Reason::differs},
        Row{"Mirrored", R"({"p":[1,{"a":2}]})", R"({"p":[1,{"a":2}]})", 20, State::converged,
            Reason::mirrored},
        Row{"MirroredBeforeItWasDesired", R"({"p":1})", R"({"p":1})", 6, State::converged,
            Reason::mirrored},
        Row{"Unreported", R"({"p":1})", R"({"q":1})", 20, State::pending, Reason::unreported},
        Row{"UnreportedBelowAScalar", R"({"o":{"p":1}})", R"({"o":5})", 20, State::pending,
            Reason::unreported},
        Row{"ReportOlder", R"({"p":1})", R"({"p":2})", 6, State::pending, Reason::report_older},
        Row{"Differs", R"({"p":1})", R"({"p":2})", 20, State::drifted, Reason::differs},
        Row{"DiffersAtTheSameInstant", R"({"p":1})", R"({"p":2})", 10, State::drifted,
            Reason::differs},
        Row{"DiffersInType", R"({"p":1})", R"({"p":"1"})", 20, State::drifted, Reason::differs},
        Row{"EmptyObjectIsALeaf", R"({"p":{}})", R"({"p":{"more":1}})", 20, State::converged,
            Reason::mirrored},
        Row{"ArrayInAnotherOrder", R"({"p":[1,2]})", R"({"p":[2,1]})", 20, State::drifted,
            Reason::differs}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Judge, ComparesAcknowledgementsWithThePropertysOwnVersion) {
    Twin twin = twin_of("{}", R"({"p":1})");
    twin = after_report(twin, R"({"p":{"value":1,"ac":200,"av":1}})", at(5));
    twin = after(twin, R"({"properties":{"desired":{"q":1}}})", at(10));
    EXPECT_EQ(Judge(twin, {}, false).property("p")->verdict.state, State::converged);
}

TEST(Judge, TellsCodeWordsVersionsAndTimes) {
    Twin twin = after(twin_of("{}", "{}"), R"({"properties":{"desired":{"p":1}}})", at(10));
    twin = after_report(twin, R"({"p":{"value":7,"ac":418,"av":2,"ad":"a teapot"}})", at(20));
    const BaseProperty property = only_property(twin);
    EXPECT_EQ(property.path, "p");
    EXPECT_EQ(property.verdict,
              (Verdict{State::rejected, Reason::refused, 418, "a teapot", at(20), at(10), 2, 2}));
    EXPECT_EQ(property.desired->leaf(), json::value(1));
    EXPECT_EQ(property.reported->leaf(), json::value(7));
}

TEST(Judge, TracksLeavesButNoMarks) {
    const Twin twin = twin_of("{}", R"({"a":1,"c":{"__t":"c","x":[1]},"e":{},"m":{"__t":"c"}})");
    std::vector<std::string> paths;
    for (const BaseProperty& one : Judge(twin, {}, false).all()) paths.push_back(one.path);
    EXPECT_THAT(paths, ::testing::ElementsAre("a", "c.x", "e"));
    EXPECT_FALSE(Judge(twin, {}, false).property("c.__t"));
    EXPECT_FALSE(Judge(twin, {}, false).property("c"));
}

TEST(Judge, AllowsNumbersToDifferAsThePolicySays) {
    const Twin twin = twin_of("{}", R"({"p":100})", R"({"p":101})");
    const auto state = [&](Tolerance tolerance) {
        Policy policy;
        policy.property.tolerance = tolerance;
        return only_property(twin, policy).verdict.state;
    };
    EXPECT_EQ(state({}), State::drifted);
    EXPECT_EQ(state({.absolute = 1}), State::converged);
    EXPECT_EQ(state({.relative = 0.01}), State::converged);
    EXPECT_EQ(state({.absolute = 0.5, .relative = 0.005}), State::drifted);
}

TEST(Judge, LeavesOutWhatThePolicyExcludes) {
    const Twin twin = twin_of("{}", R"({"a":{"x":1,"y":2},"b":3})");
    const auto paths = [&](std::string_view glob) {
        Policy policy;
        policy.overrides.emplace_back();
        policy.overrides[0].paths = Glob::parse(glob).value();
        policy.overrides[0].tracked = false;
        std::string found;
        for (const BaseProperty& one : Judge(twin, policy, false).all()) found += one.path + " ";
        return found;
    };
    EXPECT_EQ(paths("a"), "b ");
    EXPECT_EQ(paths("a.x"), "a.y b ");
    EXPECT_EQ(paths("*.y"), "a.x b ");
    EXPECT_EQ(paths("**.x"), "a.y b ");
    EXPECT_EQ(paths("**"), "");
    EXPECT_EQ(paths("a.x.more"), "a.x a.y b ");
}

TEST(Judge, TakesTheRulesOfATag) {
    Policy policy;
    policy.overrides.emplace_back();
    policy.overrides[0].tag = Override::TagIs{"lab.on", true};
    policy.overrides[0].tracked = false;
    EXPECT_EQ(Judge(twin_of(R"({"lab":{"on":true}})", R"({"a":1})"), policy, false).all().size(),
              0u);
    EXPECT_EQ(Judge(twin_of(R"({"lab":{"on":false}})", R"({"a":1})"), policy, false).all().size(),
              1u);
}

struct EdgeRow {
    const char* reported;
    State state;
    Reason reason;
};

TEST(Judge, LetsTheEdgeRuntimeAnswerForItsDocument) {
    const EdgeRow rows[] = {
        {R"({})", State::pending, Reason::unreported},
        {R"({"lastDesiredVersion":0,"lastDesiredStatus":{"code":200}})", State::pending,
         Reason::ack_behind},
        {R"({"lastDesiredVersion":1,"lastDesiredStatus":{"code":200}})", State::converged,
         Reason::acknowledged},
        {R"({"lastDesiredVersion":1,"lastDesiredStatus":{"code":412}})", State::rejected,
         Reason::refused},
        {R"({"lastDesiredVersion":1,"lastDesiredStatus":{"code":500,"description":"x"}})",
         State::rejected, Reason::failed},
        {R"({"lastDesiredVersion":1})", State::pending, Reason::in_progress},
    };
    for (const EdgeRow& row : rows) {
        SCOPED_TRACE(row.reported);
        const Twin twin = twin_of("{}", R"({"p":1})", row.reported);
        const auto all = Judge(twin, {}, true).all();
        ASSERT_EQ(all.size(), 1u);
        EXPECT_EQ(all[0].verdict.state, row.state);
        EXPECT_EQ(all[0].verdict.reason, row.reason);
        Policy off;
        off.twin.edge = false;
        EXPECT_EQ(Judge(twin, off, true).all()[0].verdict.reason, Reason::unreported);
    }
}

TEST(Judge, ReadsTheStatusBesideAValueWhereAsked) {
    Policy policy;
    policy.twin.status_sibling = true;
    const auto judged = [&](std::string_view status, int reported_at, const Policy& with) {
        Twin twin = twin_of("{}", R"({"o":{"p":0}})");
        const std::string report = R"({"o":{"p":2,"status":")" + std::string(status) + R"("}})";
        if (reported_at < 10) twin = after_report(twin, report, at(reported_at));
        twin = after(twin, R"({"properties":{"desired":{"o":{"p":1}}}})", at(10));
        if (reported_at > 10) twin = after_report(twin, report, at(reported_at));
        return only_property(twin, with).verdict;
    };
    EXPECT_EQ(judged("Applying", 20, policy).reason, Reason::in_progress);
    EXPECT_EQ(judged("Error", 20, policy).state, State::rejected);
    EXPECT_EQ(judged("Error", 20, policy).words, "Error");
    EXPECT_EQ(judged("Error", 20, {}).reason, Reason::differs);
    EXPECT_EQ(judged("Success", 20, policy).reason, Reason::differs);
    EXPECT_EQ(judged("of its own", 20, policy).reason, Reason::differs);
    EXPECT_EQ(judged("Error", 5, policy).reason, Reason::report_older);
}

TEST(Judge, ReadsAVersionOfTheWholeDocumentWhereAsked) {
    Policy policy;
    policy.twin.document_ack = "config.version";
    Twin twin = after(twin_of("{}", "{}"), R"({"properties":{"desired":{"p":1}}})", at(10));
    twin = after_report(twin, R"({"p":2,"config":{"version":1}})", at(20));
    EXPECT_EQ(only_property(twin, policy).verdict.reason, Reason::ack_behind);
    twin = after_report(twin, R"({"config":{"version":2}})", at(21));
    EXPECT_EQ(only_property(twin, policy).verdict.reason, Reason::differs);
    EXPECT_EQ(only_property(twin).verdict.reason, Reason::differs);
}

TEST(Judge, NamesWhatIsReportedAndNotDesired) {
    const Twin twin = twin_of("{}", R"({"p":1,"o":{"x":1}})",
                              R"({"p":{"value":1,"ac":200,"av":1},"battery":3,
                                  "old":{"value":1,"ac":200,"av":1},
                                  "own":{"value":1,"ac":203,"av":0},
                                  "o":{"x":1,"y":2},"__t":"c"})");
    using Kind = Surplus::Kind;
    const std::vector<Surplus> expected{
        {"battery", Kind::extra}, {"o.y", Kind::extra}, {"old", Kind::orphan}, {"own", Kind::own}};
    EXPECT_EQ(Judge(twin, {}, false).surplus(), expected);
    EXPECT_EQ(Judge(twin, {}, false).all().size(), 2u);
    Policy strict;
    strict.twin.strict = true;
    std::string drifted;
    for (const BaseProperty& one : Judge(twin, strict, false).all())
        if (one.verdict.reason == Reason::extra) drifted += one.path + " ";
    EXPECT_EQ(drifted, "battery o.y old ");
}

TEST(Glob, RefusesEmptyKeysAndLongPatterns) {
    EXPECT_FALSE(Glob::parse("a..b"));
    EXPECT_FALSE(Glob::parse("a."));
    std::string many = "a";
    for (int i = 0; i < 32; ++i) many += ".a";
    EXPECT_FALSE(Glob::parse(many));
    EXPECT_TRUE(Glob::parse("a*b.**.c")->fits("axb.1.2.c"));
    EXPECT_TRUE(Glob::parse("a*b.**.c")->fits("ab.c.below"));
    EXPECT_FALSE(Glob::parse("a*b.**.c")->fits("ab.d"));
}

}  // namespace
}  // namespace twinhub::twin::drift

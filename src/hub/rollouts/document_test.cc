// The rules of a rollout's document, as tables.
#include "hub/rollouts/document.h"

#include "hub/rollouts/duration.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

// A good document with some members in place of its own; null takes one out.
json::object document_with(std::string_view members) {
    json::object body = parse_json(R"({"name":"cams","target":"tags.fleet = 'cams'",
        "patch":{"properties":{"desired":{"mode":2}}},"waves":[{"toPercent":1},{"rest":true}],
        "gates":{"convergedAtLeast":0.97,"rejectedAtMost":0.01,"soak":"PT20M",
                 "offlineAllowance":0.1},"window":null,"rollback":"ownValues"})")
                            .value()
                            .as_object();
    for (const auto& [name, value] : parse_json(members).value().as_object())
        if (value.is_null()) body.erase(name);
        else body[name] = value;
    return body;
}

struct RefusedCase {
    std::string members, where;
};
class Refused : public testing::TestWithParam<RefusedCase> {};
TEST_P(Refused, NamesThePlace) {
    const auto parsed = parse_rollout(document_with(GetParam().members));
    ASSERT_FALSE(parsed) << GetParam().members;
    EXPECT_EQ(parsed.error().code, Code::argument_invalid);
    EXPECT_EQ(parsed.error().where, GetParam().where) << parsed.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Documents, Refused,
    testing::Values(
        RefusedCase{R"({"name":null})", "name"}, RefusedCase{R"({"name":"a b"})", "name"},
        RefusedCase{R"({"name":"plan"})", "name"}, RefusedCase{R"({"target":null})", "target"},
        RefusedCase{R"({"colour":1})", "colour"}, RefusedCase{R"({"patch":null})", "patch"},
        RefusedCase{R"({"content":{"deviceContent":{"properties.desired.a":1}}})", "patch"},
        RefusedCase{R"({"patch":{"properties":{"desired":{}}}})", "patch"},
        RefusedCase{R"({"patch":{"properties":{"reported":{"a":1}}}})",
                    "patch.properties.reported"},
        RefusedCase{R"({"patch":{"tags":null}})", "patch"},
        RefusedCase{R"({"patch":{"tags":{"a":[null]}}})", "patch.tags.a[0]"},
        RefusedCase{R"({"patch":null,"content":{"deviceContent":{}}})", "content.deviceContent"},
        RefusedCase{R"({"patch":null,"content":{"deviceContent":{"tags.a":1}}})",
                    "content.deviceContent.tags.a"},
        RefusedCase{R"({"patch":null,"content":{"modulesContent":{}}})", "content.modulesContent"},
        RefusedCase{
            R"({"patch":null,"content":{"deviceContent":{"properties.desired.a":{"b":1},
                "properties.desired.a.b":2}}})",
            "content.deviceContent"},
        RefusedCase{R"({"waves":[]})", "waves"}, RefusedCase{R"({"waves":[{}]})", "waves[0]"},
        RefusedCase{R"({"waves":[{"rest":false}]})", "waves[0]"},
        RefusedCase{R"({"waves":[{"rest":true,"count":1}]})", "waves[0]"},
        RefusedCase{R"({"waves":[{"toPercent":0}]})", "waves[0].toPercent"},
        RefusedCase{R"({"waves":[{"toPercent":101}]})", "waves[0].toPercent"},
        RefusedCase{R"({"waves":[{"toPercent":20},{"toPercent":10}]})", "waves[1]"},
        RefusedCase{R"({"waves":[{"toPercent":20},{"count":5},{"toPercent":20}]})", "waves[2]"},
        RefusedCase{R"({"waves":[{"toPercent":100},{"rest":true}]})", "waves[1]"},
        RefusedCase{R"({"waves":[{"rest":true},{"count":1}]})", "waves[1]"},
        RefusedCase{R"({"waves":[{"count":0}]})", "waves[0].count"},
        RefusedCase{R"({"waves":[{"count":1.5}]})", "waves[0].count"},
        RefusedCase{R"({"gates":{"convergedAtMost":1}})", "gates.convergedAtMost"},
        RefusedCase{R"({"gates":{"convergedAtLeast":1.1}})", "gates.convergedAtLeast"},
        RefusedCase{R"({"gates":{"soak":"20 min"}})", "gates.soak"},
        RefusedCase{R"({"gates":{"convergedAtLeast":1,"soak":"PT1H","timeout":"PT1H"}})",
                    "gates.timeout"},
        RefusedCase{R"({"gates":{"timeout":"PT1H"}})", "gates.timeout"},
        RefusedCase{R"({"waves":[{"rest":true,"gates":{"x":1}}]})", "waves[0].gates.x"},
        RefusedCase{R"({"rollback":"zero"})", "rollback"},
        RefusedCase{R"({"onFail":"panic"})", "onFail"},
        RefusedCase{R"({"devicesPerSecond":0})", "devicesPerSecond"},
        RefusedCase{R"({"window":{"times":[]}})", "window.times"},
        RefusedCase{R"({"window":{"times":[{"from":"22:00","to":"22:00"}]}})",
                    "window.times[0].to"},
        RefusedCase{R"({"window":{"times":[{"from":"25:00","to":"05:00"}]}})",
                    "window.times[0].from"},
        RefusedCase{R"({"window":{"times":[{"from":"22:60","to":"05:00"}]}})",
                    "window.times[0].from"},
        RefusedCase{R"({"window":{"times":[{"days":[],"from":"22:00","to":"05:00"}]}})",
                    "window.times[0].days"},
        RefusedCase{R"({"window":{"times":[{"days":["funday"],"from":"22:00","to":"05:00"}]}})",
                    "window.times[0].days[0]"},
        RefusedCase{R"({"window":{"zone":"../x","times":[{"from":"22:00","to":"05:00"}]}})",
                    "window.zone"},
        RefusedCase{R"({"window":{"zoneTag":"zone","times":[{"from":"22:00","to":"05:00"}]}})",
                    "window.zoneTag"},
        // One on Sunday night and one on Monday morning: over the end of the week.
        RefusedCase{R"({"window":{"times":[{"days":["mon"],"from":"03:00","to":"06:00"},
                                           {"days":["sun"],"from":"22:00","to":"04:00"}]}})",
                    "window.times[1]"},
        RefusedCase{R"({"window":{"times":[{"from":"10:00","to":"12:00"},
                                           {"days":["wed"],"from":"11:59","to":"13:00"}]}})",
                    "window.times[1]"}));

TEST(RolloutDocument, ReadsBackWhatItWrites) {
    for (const char* members :
         {"{}", R"({"onFail":"rollback","devicesPerSecond":2.5,"confirmAll":true})",
          R"({"patch":null,"content":{"deviceContent":{"properties.desired.a.b":{"c":[1]}}}})",
          R"({"waves":[{"count":3,"gates":{"rejectedAtMost":0}},{"where":"tags.ring = 1"},
                       {"toPercent":60.5},{"rest":true}]})",
          R"({"window":{"zoneTag":"tags.zone","zone":"Europe/Berlin","times":[
               {"days":["mon","sun"],"from":"22:00","to":"05:00"},{"days":["wed"],
                "from":"00:00","to":"24:00"}]}})"}) {
        const auto document = parse_rollout(document_with(members));
        ASSERT_TRUE(document) << members << document.error().message;
        const json::object written = to_json(*document);
        EXPECT_EQ(parse_rollout(written).value(), *document) << members;
        EXPECT_EQ(to_json(parse_rollout(written).value()), written);
    }
}

TEST(RolloutDocument, TakesTheGatesOfAWaveBeforeItsOwn) {
    const auto document =
        parse_rollout(document_with(R"({"waves":[{"count":1,"gates":{"rejectedAtMost":0}},
                                                  {"rest":true}]})"))
            .value();
    EXPECT_EQ(document.gates_of(0).rejected_at_most, 0.0);
    EXPECT_FALSE(document.gates_of(0).converged_at_least);
    EXPECT_EQ(document.gates_of(1).converged_at_least, 0.97);
}

struct TargetCase {
    std::string target;
    bool confirmed, good;
};
class Targets : public testing::TestWithParam<TargetCase> {};
TEST_P(Targets, AreConditions) {
    const auto document =
        parse_rollout(document_with(R"({"target":)" + to_text(json::value(GetParam().target)) +
                                    (GetParam().confirmed ? R"(,"confirmAll":true})" : "}")));
    ASSERT_TRUE(document);
    const auto plan = target_plan(*document, {});
    EXPECT_EQ(plan.has_value(), GetParam().good) << GetParam().target;
    if (!plan) EXPECT_EQ(plan.error().where, "target");
}
INSTANTIATE_TEST_SUITE_P(
    Documents, Targets,
    testing::Values(TargetCase{"tags.a = 1", false, true}, TargetCase{"*", false, false},
                    TargetCase{"*", true, true}, TargetCase{"", true, false},
                    TargetCase{"  ", true, false}, TargetCase{"tags.a =", true, false},
                    TargetCase{"from devices.modules where tags.a = 1", false, true}));

TEST(Duration, IsWrittenAsItIsRead) {
    for (const char* text : {"PT0S", "PT20M", "PT1H30M", "P1D", "P2DT1S", "PT59S"})
        EXPECT_EQ(duration_text(parse_duration(text, "x").value()), text);
    for (const char* text : {"", "P", "PT", "20M", "-PT1H", "P1Y", "P400D", "PT1H "})
        EXPECT_FALSE(parse_duration(text, "x")) << text;
}

}  // namespace
}  // namespace twinhub::hub

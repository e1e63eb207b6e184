// What a rollout writes into a twin, and the way back.
#include "hub/rollouts/touch.h"

#include "twin/apply.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

const Instant then{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

json::object object_of(std::string_view text) { return parse_json(text).value().as_object(); }
Touch patch_touch(std::string_view text) {
    auto touch = Touch::of(object_of(text), std::nullopt);
    EXPECT_TRUE(touch) << touch.error().message;
    return *touch;
}
Touch content_touch(std::string_view text) {
    auto touch = Touch::of(std::nullopt, object_of(text));
    EXPECT_TRUE(touch) << touch.error().message;
    return *touch;
}
twin::Twin with_update(const twin::Twin& twin, const twin::ServiceUpdate& update) {
    auto applied = twin::apply(twin, update, then);
    EXPECT_TRUE(applied);
    return applied->next;
}
twin::Twin twin_of(std::string_view desired, std::string_view tags = "{}") {
    return with_update(twin::fresh(then),
                       twin::parse_service_update(
                           object_of(R"({"tags":)" + std::string(tags) +
                                     R"(,"properties":{"desired":)" + std::string(desired) + "}}"),
                           twin::Kind::patch)
                           .value());
}
std::string desired(const twin::Twin& twin) { return to_text(twin.desired.to_json()); }

struct StepCase {
    std::string before, patch, after;
    std::size_t leaves;
};
class Steps : public testing::TestWithParam<StepCase> {};
TEST_P(Steps, WriteWhatDiffersAndGoBackExactly) {
    const StepCase& one = GetParam();
    const Touch touch = patch_touch(R"({"properties":{"desired":)" + one.patch + "}}");
    const twin::Twin before = twin_of(one.before);
    const auto step = touch.step(before);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->leaves.size(), one.leaves);
    if (one.leaves == 0) {
        EXPECT_FALSE(step->update);
        return;
    }
    const twin::Twin after = with_update(before, *step->update);
    EXPECT_EQ(desired(after), one.after);
    const auto back = way_back(step->leaves, after);
    ASSERT_TRUE(back && back->update);
    EXPECT_EQ(back->restored, one.leaves);
    EXPECT_EQ(back->skipped, 0u);
    EXPECT_EQ(desired(with_update(after, *back->update)), desired(before));
}
INSTANTIATE_TEST_SUITE_P(
    Touch, Steps,
    testing::Values(
        StepCase{R"({"a":1})", R"({"a":2})", R"({"a":2})", 1},
        StepCase{R"({"a":1})", R"({"a":1})", R"({"a":1})", 0},
        StepCase{R"({"a":1})", R"({"b":null})", R"({"a":1})", 0},
        StepCase{R"({"a":1})", R"({"a":null,"b":{"c":{"d":1}}})", R"({"b":{"c":{"d":1}}})", 2},
        StepCase{R"({"a":{"x":1}})", R"({"a":{"b":{"c":1}}})", R"({"a":{"b":{"c":1},"x":1}})", 1},
        StepCase{R"({"a":{"x":1,"y":{"z":2}}})", R"({"a":7})", R"({"a":7})", 1},
        StepCase{R"({"a":7})", R"({"a":{"b":1,"c":2}})", R"({"a":{"b":1,"c":2}})", 1},
        StepCase{R"({"a":{"b":1}})", R"({"a":{"b":null}})", R"({"a":{}})", 1},
        StepCase{R"({"a":1})", R"({"e":{}})", R"({"a":1,"e":{}})", 1},
        StepCase{R"({"a":[1,2]})", R"({"a":[1,3]})", R"({"a":[1,3]})", 1},
        StepCase{R"({"a":1})", R"({"a":1.0})", R"({"a":1.0})", 1},
        StepCase{R"({"a":{"b":{"c":1}}})", R"({"a":{"b":null}})", R"({"a":{}})", 1}));

TEST(Touch, ReplacesWhatStandsAtThePathOfAContent) {
    const Touch touch =
        content_touch(R"({"deviceContent":{"properties.desired.camera.mode":{"night":true}}})");
    const twin::Twin before = twin_of(R"({"camera":{"mode":{"day":1,"night":false},"id":7}})");
    const auto step = touch.step(before).value();
    const twin::Twin after = with_update(before, *step.update);
    EXPECT_EQ(desired(after), R"({"camera":{"id":7,"mode":{"night":true}}})");
    const auto back = way_back(step.leaves, after).value();
    EXPECT_EQ(desired(with_update(after, *back.update)), desired(before));
    EXPECT_EQ(touch.desired_paths(), std::vector<std::string>{"camera.mode.night"});
    EXPECT_FALSE(touch.is_for_modules());
}

TEST(Touch, LeavesToOthersWhatTheyWroteSince) {
    const Touch touch = patch_touch(R"({"properties":{"desired":{"a":2,"n":{"b":2}}}})");
    const twin::Twin before = twin_of(R"({"a":1})");
    const auto step = touch.step(before).value();
    const twin::Twin after = with_update(before, *step.update);
    const auto others = twin::parse_service_update(
        object_of(R"({"properties":{"desired":{"a":9,"n":{"mine":1}}}})"), twin::Kind::patch);
    const twin::Twin now = with_update(after, *others);
    const auto back = way_back(step.leaves, now).value();
    EXPECT_EQ(back.restored, 1u);
    EXPECT_EQ(back.skipped, 1u);
    // The parent that came with the rollout stays: somebody else lives in it.
    EXPECT_EQ(desired(with_update(now, *back.update)), R"({"a":9,"n":{"mine":1}})");
}

TEST(Touch, DoesNotWriteOverWhatStandsInTheWay) {
    const Touch touch = patch_touch(R"({"properties":{"desired":{"a":{"b":null}}}})");
    const twin::Twin before = twin_of(R"({"a":{"b":1}})");
    const auto step = touch.step(before).value();
    const twin::Twin now = twin_of(R"({"a":5})");
    const auto back = way_back(step.leaves, now).value();
    EXPECT_FALSE(back.update);
    EXPECT_EQ(back.skipped, 1u);
}

TEST(Touch, NamesThePlacesThatItMayWrite) {
    const Touch touch = patch_touch(
        R"({"tags":{"ring":1},"properties":{"desired":{"fan":{"speed":2,"old":null}}}})");
    EXPECT_EQ(touch.paths(), (std::vector<std::string>{"tags.ring", "properties.desired.fan.speed",
                                                       "properties.desired.fan.old"}));
    EXPECT_EQ(touch.desired_paths(), std::vector<std::string>{"fan.speed"});
}

// Small documents that collide a lot.
json::value any_value(int depth) {
    const int kind = *rc::gen::inRange(0, depth > 0 ? 5 : 3);
    if (kind < 3) return json::value(kind);
    json::object object;
    for (const char* key : {"a", "b"})
        if (*rc::gen::arbitrary<bool>()) object[key] = any_value(depth - 1);
    return object;
}
json::value any_patch(int depth) {
    const int kind = *rc::gen::inRange(0, depth > 0 ? 6 : 3);
    if (kind == 0) return nullptr;
    if (kind < 3) return json::value(kind);
    json::object object;
    for (const char* key : {"a", "b"})
        if (*rc::gen::arbitrary<bool>()) object[key] = any_patch(depth - 1);
    return object;
}

RC_GTEST_PROP(Touch, TheWayBackIsExact, ()) {
    json::object start, patch;
    for (const char* key : {"a", "b", "c"}) {
        if (*rc::gen::arbitrary<bool>()) start[key] = any_value(2);
        if (*rc::gen::arbitrary<bool>()) patch[key] = any_patch(2);
    }
    RC_PRE(!patch.empty());
    const twin::Twin before = twin_of(to_text(start));
    const auto touch = Touch::of(json::object{{"properties", {{"desired", patch}}}}, std::nullopt);
    RC_ASSERT(touch.has_value());
    const auto step = touch->step(before);
    RC_ASSERT(step.has_value());
    const auto wanted = twin::parse_service_update(
        json::object{{"properties", {{"desired", patch}}}}, twin::Kind::patch);
    RC_ASSERT(wanted.has_value());
    // What the patch itself makes, and nothing else.
    const twin::Twin merged = with_update(before, *wanted);
    if (!step->update) {
        RC_ASSERT(desired(merged) == desired(before));
        return;
    }
    const twin::Twin after = with_update(before, *step->update);
    RC_ASSERT(after.desired.to_json() == merged.desired.to_json());
    RC_ASSERT(!touch->step(after)->update);
    const auto back = way_back(step->leaves, after);
    RC_ASSERT(back.has_value() && back->update.has_value());
    RC_ASSERT(back->skipped == 0u);
    RC_ASSERT(with_update(after, *back->update).desired.to_json() == before.desired.to_json());
}

}  // namespace
}  // namespace twinhub::hub

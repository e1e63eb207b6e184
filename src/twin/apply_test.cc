#include "twin/apply.h"

#include "twin/limits.h"
#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

namespace twinhub::twin {
namespace {

using testing::after;
using testing::after_report;
using testing::at;
using testing::report;
using testing::twin_of;
using testing::update;
using testing::value;

TEST(Fresh, StartsWithTheCountersOfTheSpecification) {
    const Twin twin = fresh(at(0));
    EXPECT_EQ(twin.versions, (Versions{.version = 2, .etag = 1, .desired = 1, .reported = 1}));
    EXPECT_EQ(twin.etag(), "AAAAAAAAAAE=");
    EXPECT_EQ(twin.desired.stamp(), (Stamp{at(0), 0}));
    EXPECT_EQ(twin.reported.stamp(), (Stamp{at(0), 0}));
}

struct Step {
    const char* name;
    Kind kind;
    const char* body;
    Versions rise;  // how much each counter rises
};

// Spec twin-document 3 and 4, with both parts filled before.
TEST(Apply, RaisesTheVersionsAsTheTableSays) {
    const Step steps[] = {
        {"tags only", Kind::patch, R"({"tags":{"a":1}})", {1, 1, 0, 0}},
        {"desired only", Kind::patch, R"({"properties":{"desired":{"a":1}}})", {1, 1, 1, 0}},
        {"both", Kind::patch, R"({"tags":{},"properties":{"desired":{"a":1}}})", {1, 1, 1, 0}},
        {"the same values", Kind::patch, R"({"properties":{"desired":{"d":1}}})", {1, 1, 1, 0}},
        {"empty desired", Kind::patch, R"({"properties":{"desired":{}}})", {1, 1, 1, 0}},
        {"empty tags", Kind::patch, R"({"tags":{}})", {1, 1, 0, 0}},
        {"null desired", Kind::patch, R"({"properties":{"desired":null}})", {1, 1, 1, 0}},
        {"null for an absent key",
         Kind::patch,
         R"({"properties":{"desired":{"z":null}}})",
         {1, 1, 1, 0}},
        {"only metadata",
         Kind::patch,
         R"({"properties":{"desired":{"$version":9}}})",
         {1, 1, 1, 0}},
        {"nothing", Kind::patch, "{}", {0, 0, 0, 0}},
        {"empty properties", Kind::patch, R"({"properties":{}})", {0, 0, 0, 0}},
        {"reported by a service",
         Kind::patch,
         R"({"properties":{"reported":{"a":1}}})",
         {0, 0, 0, 0}},
        {"replaced tags, desired cleared", Kind::replace, R"({"tags":{"a":1}})", {1, 1, 1, 0}},
        {"replaced desired, tags cleared",
         Kind::replace,
         R"({"properties":{"desired":{"a":1}}})",
         {1, 1, 1, 0}},
        {"all cleared", Kind::replace, "{}", {1, 1, 1, 0}},
    };
    const Twin before = twin_of(R"({"t":1})", R"({"d":1})", R"({"r":1})");
    for (const Step& step : steps) {
        const auto applied = apply(before, update(step.body, step.kind), at(1));
        ASSERT_TRUE(applied) << step.name;
        const Versions expected{
            before.versions.version + step.rise.version, before.versions.etag + step.rise.etag,
            before.versions.desired + step.rise.desired, before.versions.reported};
        EXPECT_EQ(applied->next.versions, expected) << step.name;
        EXPECT_EQ(applied->change.after, expected) << step.name;
        EXPECT_EQ(applied->change.empty(), step.rise.version == 0) << step.name;
        EXPECT_EQ(applied->notification.has_value(), step.rise.desired == 1) << step.name;
        EXPECT_EQ(applied->next.reported, before.reported) << step.name;
    }
}

TEST(Apply, OfAReplacementThatLeavesOutAnEmptyDesiredDoesNotWriteIt) {
    const auto applied = apply(fresh(at(0)), update(R"({"tags":{"a":1}})", Kind::replace), at(1));
    EXPECT_EQ(applied->next.versions, (Versions{3, 2, 1, 1}));
    EXPECT_FALSE(applied->notification);
}

TEST(Apply, OfAnEmptyPatchChangesNothing) {
    const Twin before = twin_of(R"({"t":1})", R"({"d":1})");
    EXPECT_EQ(apply(before, update("{}"), at(1))->next, before);
}

TEST(Apply, ReplacesBothPartsAndKeepsReported) {
    const Twin twin =
        after(twin_of(R"({"t":1,"u":2})", R"({"d":1})", R"({"r":1})"),
              R"({"tags":{"u":3,"n":null},"properties":{"desired":{"o":{"x":null}}}})", at(1),
              Kind::replace);
    EXPECT_EQ(twin.tags.to_json(), value(R"({"u":3})"));
    EXPECT_EQ(twin.desired.to_json(), value(R"({"o":{}})"));
    EXPECT_EQ(twin.reported.to_json(), value(R"({"r":1})"));
}

TEST(Apply, ClearsAPartThatIsNull) {
    const Twin twin = after(twin_of(R"({"x":1})", R"({"a":1,"b":2})"),
                            R"({"tags":null,"properties":{"desired":null}})", at(1));
    EXPECT_EQ(twin.tags, Node());
    EXPECT_EQ(twin.desired, Node(Object::empty(), Stamp{at(1), 2}));
}

TEST(ApplyReport, RaisesTheTwinAndReportedOnly) {
    const Twin before = fresh(at(0));
    for (const char* body : {"{}", R"({"a":1})", R"({"a":null})"}) {
        const auto applied = apply_report(before, report(body), {}, at(1));
        ASSERT_TRUE(applied);
        EXPECT_EQ(applied->next.versions, (Versions{3, 1, 1, 2})) << body;
        EXPECT_FALSE(applied->notification);
        EXPECT_EQ(applied->change.operation, Operation::report);
    }
}

TEST(ApplyReport, ComparesTheBaseVersion) {
    const Twin twin = after_report(fresh(at(0)), R"({"a":1})", at(1));
    EXPECT_TRUE(apply_report(twin, report("{}"), 2, at(2)));
    const auto stale = apply_report(twin, report("{}"), 1, at(2));
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().code, Code::precondition_failed);
}

// Spec twin-document 2.
TEST(Metadata, TouchesWhatIsNamedAndTheWayToItAndNothingElse) {
    const Twin before = twin_of("{}", R"({"o":{"x":1,"y":{"z":2}},"p":3})");
    const Twin twin = after(before, R"({"properties":{"desired":{"o":{"y":{"z":2}}}}})", at(5));
    const Stamp touched{at(5), 2};
    EXPECT_EQ(twin.desired.stamp(), touched);
    EXPECT_EQ(twin.desired.find("o")->stamp(), touched);
    EXPECT_EQ(twin.desired.find("o")->find("y")->find("z")->stamp(), touched)
        << "the value is the same, the write counts";
    EXPECT_EQ(twin.desired.find("o")->find("x")->stamp(), (Stamp{at(0), 1}));
    EXPECT_EQ(twin.desired.find("p")->stamp(), (Stamp{at(0), 1}));
}

TEST(Metadata, OfADeletionIsSeenOnTheAncestors) {
    const Twin twin = after(twin_of("{}", R"({"o":{"x":1,"y":2}})"),
                            R"({"properties":{"desired":{"o":{"x":null}}}})", at(5));
    EXPECT_EQ(twin.desired.find("o")->stamp(), (Stamp{at(5), 2}));
    EXPECT_EQ(twin.desired.find("o")->find("y")->stamp(), (Stamp{at(0), 1}));
    EXPECT_EQ(twin.desired.find("o")->find("x"), nullptr);
}

TEST(Metadata, IsBuiltForEveryChildWhenAnObjectReplacesAScalar) {
    const Twin twin = after(twin_of("{}", R"({"a":1})"),
                            R"({"properties":{"desired":{"a":{"b":{"c":1}}}}})", at(5));
    EXPECT_EQ(twin.desired.find("a")->find("b")->find("c")->stamp(), (Stamp{at(5), 2}));
}

TEST(Metadata, OfReportedHasNoVersionAndOfTagsNothing) {
    Twin twin = after_report(fresh(at(0)), R"({"a":{"b":1}})", at(5));
    twin = after(twin, R"({"tags":{"a":{"b":1}}})", at(6));
    EXPECT_EQ(twin.reported.find("a")->find("b")->stamp(), (Stamp{at(5), 0}));
    EXPECT_EQ(twin.tags.stamp(), Stamp{});
    EXPECT_EQ(twin.tags.find("a")->find("b")->stamp(), Stamp{});
}

TEST(Metadata, OfAReplacementIsNewEverywhere) {
    const Twin twin = after(twin_of("{}", R"({"a":1})"), R"({"properties":{"desired":{"a":1}}})",
                            at(5), Kind::replace);
    EXPECT_EQ(twin.desired.find("a")->stamp(), (Stamp{at(5), 2}));
}

struct Told {
    const char* name;
    Kind kind;
    const char* before;
    const char* desired;
    const char* body;
};

// Spec twin-document 11, device-protocols 2.4.
TEST(Notification, SaysWhatWasDoneToDesired) {
    const Told rows[] = {
        {"patch as sent", Kind::patch, R"({"same":1,"x":{"y":2}})",
         R"({"same":1,"x":{"y":null},"r":null,"n":[1]})",
         R"({"same":1,"x":{"y":null},"r":null,"n":[1],"$version":2})"},
        {"empty patch", Kind::patch, R"({"a":1})", "{}", R"({"$version":2})"},
        {"echoed metadata", Kind::patch, R"({"a":1})", R"({"a":2,"$metadata":{},"$version":7})",
         R"({"a":2,"$version":2})"},
        {"whole section null", Kind::patch, R"({"a":1,"b":{"c":2}})", "null",
         R"({"a":null,"b":null,"$version":2})"},
        {"replacement", Kind::replace, R"({"a":1,"b":2})", R"({"a":1,"c":100})",
         R"({"a":1,"c":100,"b":null,"$version":2})"},
        {"nested removal", Kind::replace, R"({"o":{"x":1,"p":{"y":2,"z":3}},"s":{"t":1}})",
         R"({"o":{"p":{"y":2}},"s":5})",
         R"({"o":{"p":{"y":2,"z":null},"x":null},"s":5,"$version":2})"},
        {"replacement by nothing", Kind::replace, R"({"a":1})", "{}", R"({"a":null,"$version":2})"},
        {"nulls of a replacement", Kind::replace, R"({"a":1})", R"({"a":null,"b":{"c":null}})",
         R"({"b":{},"a":null,"$version":2})"},
    };
    for (const Told& row : rows) {
        const auto applied = apply(
            twin_of("{}", row.before),
            update(R"({"properties":{"desired":)" + std::string(row.desired) + "}}", row.kind),
            at(1));
        ASSERT_TRUE(applied && applied->notification) << row.name;
        EXPECT_EQ(applied->notification->body, row.body) << row.name;
        EXPECT_EQ(applied->notification->version, 2u);
    }
}

TEST(Notification, OfAReplacementThatLeavesOutDesiredClearsIt) {
    const auto applied = apply(twin_of("{}", R"({"a":1})"), update("{}", Kind::replace), at(1));
    EXPECT_EQ(applied->notification.value().body, R"({"a":null,"$version":2})");
}

RC_GTEST_PROP(Notification, BringsAMergingDeviceToTheNewDesired, ()) {
    Twin twin = fresh(at(0));
    Node device = twin.desired;  // what a device that merges every notification holds
    for (int i = 1; i < 5; ++i) {
        const auto applied = testing::any_write(twin, at(i));
        twin = applied->next;
        if (!applied->notification) continue;
        json::object body = testing::object(applied->notification->body);
        RC_ASSERT(body.at("$version").as_int64() ==
                  static_cast<std::int64_t>(twin.versions.desired));
        body.erase("$version");
        const Twin held{.desired = device};
        device = apply(held, {Kind::patch, {}, Patch::trusted(body, Patch::Mode::merge)}, at(i))
                     ->next.desired;
        RC_ASSERT(device.to_json() == twin.desired.to_json());
    }
}

std::string filled(std::size_t size) {  // an object of exactly that size
    std::string text = "{";
    for (int i = 0; size > 0; ++i) {
        const std::string key = std::to_string(1000 + i);
        const std::size_t characters = std::min<std::size_t>(size - key.size(), 4000);
        text += '"' + key + "\":\"" + std::string(characters, 'x') + "\",";
        size -= key.size() + characters;
    }
    if (text.back() == ',') text.back() = '}';
    else text += '}';
    return text;
}

TEST(Size, IsLimitedForEachPart) {
    for (const Part part : parts) {
        const auto write = [&](const Twin& twin, std::string_view content) {
            const std::string text(content);
            if (part == Part::reported) return apply_report(twin, report(text), {}, at(1));
            const std::string body = part == Part::tags
                                         ? R"({"tags":)" + text + "}"
                                         : R"({"properties":{"desired":)" + text + "}}";
            return apply(twin, update(body), at(1));
        };
        const auto full = write(fresh(at(0)), filled(size_max_of(part)));
        ASSERT_TRUE(full) << full.error().message;
        EXPECT_EQ(full->next.part(part).size(), size_max_of(part));
        const auto beyond = write(full->next, R"({"":"x"})");
        ASSERT_FALSE(beyond);
        EXPECT_EQ(beyond.error().code, Code::argument_invalid);
        EXPECT_EQ(beyond.error().where, path_of(part));
        EXPECT_NE(beyond.error().message.find(std::to_string(size_max_of(part) + 1)),
                  std::string::npos);
        EXPECT_NE(beyond.error().message.find(std::to_string(size_max_of(part))),
                  std::string::npos);
        EXPECT_TRUE(write(full->next, R"({"1000":null,"":"x"})"));
    }
}

TEST(Size, OfAnOversizedPartMayShrinkButNotGrow) {
    Twin twin = fresh(at(0));
    twin.reported = build(value(filled(reported_size_max + 1000)), {at(0), 0});
    EXPECT_TRUE(apply_report(twin, report(R"({"1000":"smaller"})"), {}, at(1)));
    EXPECT_TRUE(apply_report(twin, report("{}"), {}, at(1)));
    EXPECT_FALSE(apply_report(twin, report(R"({"new":1})"), {}, at(1)));
}

RC_GTEST_PROP(Apply, RaisesEveryVersionByAtMostOneAndTheTwinByOne, ()) {
    const Twin twin = testing::any_twin();
    const auto applied = testing::any_write(twin, at(9));
    const Versions& now = applied->next.versions;
    const Versions& was = twin.versions;
    RC_ASSERT(now.version - was.version == (applied->change.empty() ? 0u : 1u));
    RC_ASSERT(now.desired - was.desired == (applied->change.desired ? 1u : 0u));
    RC_ASSERT(now.reported - was.reported == (applied->change.reported ? 1u : 0u));
    RC_ASSERT(now.etag - was.etag == (applied->change.reported ? 0u : now.version - was.version));
    RC_ASSERT(applied->notification.has_value() == applied->change.desired.has_value());
}

// A refused write leaves the twin as it was, also when only one of its two parts is at fault.
RC_GTEST_PROP(Apply, RefusedChangesNothing, ()) {
    const Twin twin = testing::any_twin();
    const Twin copy = twin;
    json::object large;
    for (int i = 0; i < 10; ++i) large["large" + std::to_string(i)] = std::string(4000, 'x');
    ServiceUpdate both;
    both.tags = Patch::trusted(*testing::any_patch(), Patch::Mode::merge);
    both.desired = Patch::trusted(large, Patch::Mode::merge);
    RC_ASSERT(!apply(twin, both, at(9)));
    RC_ASSERT(!apply_report(twin, Patch::trusted(large, Patch::Mode::merge), {}, at(9)));
    RC_ASSERT(!apply_report(twin, {}, twin.versions.reported + 1, at(9)));
    RC_ASSERT(twin == copy);
}

TEST(FreshWith, KeepsTheCountersAtTheirStart) {
    const auto twin = fresh_with(
        update(R"({"tags":{"a":1},"properties":{"desired":{"b":{"c":2},"n":null}}})"), at(3));
    ASSERT_TRUE(twin);
    EXPECT_EQ(twin->versions, Versions{});
    EXPECT_EQ(twin->desired.to_json(), value(R"({"b":{"c":2}})"));
    EXPECT_EQ(twin->desired.find("b")->find("c")->stamp(), (Stamp{at(3), 1}));
    EXPECT_EQ(twin->reported.stamp(), (Stamp{at(3), 0}));
    EXPECT_EQ(fresh_with(update("{}"), at(3)), fresh(at(3)));
}

TEST(ApplyReset, PutsAllPartsBackAndRaisesTheirVersions) {
    Twin twin = fresh(at(0));
    twin = apply(twin, update(R"({"tags":{"site":"x"},"properties":{"desired":{"a":1}}})"), at(1))
               ->next;
    twin = apply_report(twin, report(R"({"b":2})"), {}, at(2))->next;
    const auto reset = apply_reset(twin, update(R"({"properties":{"desired":{"c":3}}})"), at(3));
    ASSERT_TRUE(reset);
    EXPECT_EQ(reset->next.tags.to_json(), value("{}"));
    EXPECT_EQ(reset->next.desired.to_json(), value(R"({"c":3})"));
    EXPECT_EQ(reset->next.reported.to_json(), value("{}"));
    EXPECT_EQ(reset->next.versions.version, twin.versions.version + 1);
    EXPECT_EQ(reset->next.versions.desired, twin.versions.desired + 1);
    EXPECT_EQ(reset->next.versions.reported, twin.versions.reported + 1);
    EXPECT_EQ(reset->next.versions.etag, twin.versions.etag + 1);
    ASSERT_TRUE(reset->notification);
    EXPECT_EQ(value(reset->notification->body), value(R"({"a":null,"c":3,"$version":3})"));
}

RC_GTEST_PROP(ApplyReset, IsUndoneAndRedoneExactly, ()) {
    const Twin twin = testing::any_twin();
    const auto reset = apply_reset(twin, update(R"({"tags":{"t":1}})"), at(9));
    RC_ASSERT(undo(reset->next, reset->change).value() == twin);
    RC_ASSERT(redo(twin, reset->change).value() == reset->next);
    RC_ASSERT(reset->next.tags.to_json() == value(R"({"t":1})"));
    RC_ASSERT(reset->next.desired.object().members.empty());
    RC_ASSERT(reset->next.reported.object().members.empty());
}

TEST(FreshWith, RefusesWhatIsTooLarge) {
    EXPECT_FALSE(fresh_with(update(R"({"tags":)" + filled(tags_size_max + 1) + "}"), at(3)));
}

}  // namespace
}  // namespace twinhub::twin

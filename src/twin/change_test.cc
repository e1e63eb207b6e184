#include "twin/change.h"

#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::twin {
namespace {

using testing::any_twin;
using testing::any_write;
using testing::at;
using testing::report;
using testing::twin_of;
using testing::update;

RC_GTEST_PROP(Change, IsRedoneAndUndoneExactly, ()) {
    const Twin before = any_twin();
    const auto applied = any_write(before, at(9));
    RC_ASSERT(redo(before, applied->change).value() == applied->next);
    RC_ASSERT(undo(applied->next, applied->change).value() == before);
}

RC_GTEST_PROP(Change, LeadsBackThroughAWholeHistory, ()) {
    std::vector<Twin> twins{fresh(at(0))};
    std::vector<Change> changes;
    for (int i = 1; i < 6; ++i) {
        const auto applied = any_write(twins.back(), at(i));
        twins.push_back(applied->next);
        changes.push_back(applied->change);
    }
    Twin twin = twins.back();
    for (std::size_t i = changes.size(); i > 0; --i) {
        twin = undo(twin, changes[i - 1]).value();
        RC_ASSERT(twin == twins[i - 1]);
    }
}

TEST(Change, DoesNotFitAnotherTwin) {
    const Twin before = twin_of("{}", R"({"a":1})");
    const auto applied = apply(before, update(R"({"tags":{"a":1}})"), at(1));
    EXPECT_EQ(redo(applied->next, applied->change).error().code, Code::corrupted);
    EXPECT_EQ(undo(before, applied->change).error().code, Code::corrupted);
}

TEST(Change, HoldsOnlyWhatWasTouched) {
    const auto applied = apply_report(twin_of("{}", "{}", R"({"o":{"x":1,"y":2},"p":[1,2]})"),
                                      report(R"({"o":{"x":5,"n":6},"q":null})"), {}, at(1));
    const auto& root = std::get<Nested>(applied->change.reported->inverse.was);
    ASSERT_EQ(root.members.size(), 1u);
    const auto& o = std::get<Nested>(root.members[0].undo.was);
    ASSERT_EQ(o.members.size(), 2u);
    EXPECT_EQ(o.members[0], (UndoMember{"n", {Absent{}}}));
    EXPECT_EQ(o.members[1], (UndoMember{"x", {Node(json::value(1), Stamp{at(0), 0})}}));
}

std::string shown(const std::vector<TouchedLeaf>& leaves) {
    std::string text;
    for (const TouchedLeaf& leaf : leaves) {
        text += std::string(path_of(leaf.part)) + ' ' + leaf.path + ' ';
        text += (leaf.before ? to_text(*leaf.before) : "-") + " > " +
                (leaf.after ? to_text(*leaf.after) : "-") + '\n';
    }
    return text;
}

struct Row {
    const char* before;
    const char* patch;
    const char* leaves;
};

TEST(TouchedLeaves, NameThePathTheOldAndTheNewValue) {
    const Row rows[] = {
        {R"({"a":1,"b":2})", R"({"a":1})", "properties.reported a 1 > 1\n"},
        {R"({"a":1})", R"({"a":[2],"z":null})", "properties.reported a 1 > [2]\n"},
        {R"({"o":{"x":1,"y":2}})", R"({"o":null})",
         "properties.reported o.x 1 > -\nproperties.reported o.y 2 > -\n"},
        {R"({"a":1})", R"({"a":{"b":{"c":2}}})",
         "properties.reported a 1 > -\nproperties.reported a.b.c - > 2\n"},
        {R"({"o":{"x":1}})", R"({"o":{"x":null}})",
         "properties.reported o - > {}\nproperties.reported o.x 1 > -\n"},
        {R"({"o":{}})", R"({"o":{"x":1}})",
         "properties.reported o {} > -\nproperties.reported o.x - > 1\n"},
        {R"({"o":{"x":1}})", R"({"o":{}})", ""},
        {"{}", R"({"o":{}})", "properties.reported o - > {}\n"},
    };
    for (const Row& row : rows) {
        const Twin before = twin_of("{}", "{}", row.before);
        const auto applied = apply_report(before, report(row.patch), {}, at(1));
        EXPECT_EQ(shown(touched_leaves(before, applied->next, applied->change)), row.leaves)
            << row.patch;
    }
}

TEST(TouchedLeaves, OfAReplacementAreThoseOfBothSides) {
    const Twin before = twin_of(R"({"t":1})", R"({"a":1,"b":2})");
    const auto applied =
        apply(before, update(R"({"properties":{"desired":{"a":1,"c":3}}})", Kind::replace), at(1));
    EXPECT_EQ(shown(touched_leaves(before, applied->next, applied->change)),
              "tags t 1 > -\nproperties.desired a 1 > 1\nproperties.desired b 2 > "
              "-\nproperties.desired c - > 3\n");
}

void collect(const Node& node, const std::string& path, bool root,
             std::map<std::string, std::string>& into) {
    if (!node.is_object() || (node.object().members.empty() && !root)) {
        into[path] = to_text(node.to_json());
        return;
    }
    for (const Member& member : node.object().members)
        collect(member.node, root ? member.key : path + '.' + member.key, false, into);
}

// Columns that follow the touched leaves hold what the documents hold.
RC_GTEST_PROP(TouchedLeaves, TurnTheOldLeavesIntoTheNew, ()) {
    const Twin before = any_twin();
    const auto applied = any_write(before, at(9));
    for (const Part part : parts) {
        std::map<std::string, std::string> leaves, expected;
        collect(before.part(part), {}, true, leaves);
        collect(applied->next.part(part), {}, true, expected);
        for (const TouchedLeaf& leaf : touched_leaves(before, applied->next, applied->change)) {
            if (leaf.part != part) continue;
            const auto held = leaves.find(leaf.path);
            RC_ASSERT((held != leaves.end()) == (leaf.before != nullptr));
            if (leaf.before) RC_ASSERT(held->second == to_text(*leaf.before));
            leaves.erase(leaf.path);
            if (leaf.after) leaves[leaf.path] = to_text(*leaf.after);
        }
        RC_ASSERT(leaves == expected);
    }
}

}  // namespace
}  // namespace twinhub::twin

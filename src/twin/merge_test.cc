#include "twin/merge.h"

#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

namespace twinhub::twin {
namespace {

using testing::any_document;
using testing::any_patch;
using testing::object;
using testing::value;

constexpr Stamp old_stamp{Instant{Ticks{10}}, 3};
constexpr Stamp new_stamp{Instant{Ticks{20}}, 4};

Node node(const json::value& values) { return build(values, old_stamp); }

struct Row {
    const char* name;
    const char* before;
    const char* patch;
    const char* after;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Table : public ::testing::TestWithParam<Row> {};

TEST_P(Table, MergesAsTheSpecificationSays) {
    const Row& row = GetParam();
    EXPECT_EQ(merge(node(value(row.before)), object(row.patch), new_stamp, nullptr).to_json(),
              value(row.after));
}

// Spec twin-document 5.
INSTANTIATE_TEST_SUITE_P(
    Spec, Table,
    ::testing::Values(
        Row{"add and overwrite", R"({"a":1})", R"({"a":2,"b":3})", R"({"a":2,"b":3})"},
        Row{"delete", R"({"a":1,"b":2})", R"({"b":null})", R"({"a":1})"},
        Row{"delete missing", R"({"a":1})", R"({"z":null})", R"({"a":1})"},
        Row{"nested delete", R"({"o":{"x":1,"y":2}})", R"({"o":{"x":null}})", R"({"o":{"y":2}})"},
        Row{"last child deleted", R"({"o":{"x":1}})", R"({"o":{"x":null}})", R"({"o":{}})"},
        Row{"null under an absent parent", "{}", R"({"o":{"x":null}})", R"({"o":{}})"},
        Row{"null for an absent child", R"({"o":{"y":2}})", R"({"o":{"x":null}})",
            R"({"o":{"y":2}})"},
        Row{"scalar to object", R"({"a":"s"})", R"({"a":{"b":1}})", R"({"a":{"b":1}})"},
        Row{"object to scalar", R"({"a":{"b":1}})", R"({"a":5})", R"({"a":5})"},
        Row{"array", R"({"r":[1,2]})", R"({"r":[3]})", R"({"r":[3]})"},
        Row{"array to object", R"({"r":[1,2]})", R"({"r":{"x":1}})", R"({"r":{"x":1}})"},
        Row{"empty object onto object", R"({"o":{"x":1}})", R"({"o":{}})", R"({"o":{"x":1}})"},
        Row{"integers and doubles stay apart", R"({"a":1})", R"({"a":1.0,"b":2})",
            R"({"a":1.0,"b":2})"}));

// RFC 7396 as it is written, on plain values.
json::value naive_merge(json::value target, const json::value& patch) {
    if (!patch.is_object()) return patch;
    if (!target.is_object()) target = json::object();
    for (const auto& member : patch.get_object()) {
        if (member.value().is_null()) target.get_object().erase(member.key());
        else
            target.get_object()[member.key()] =
                naive_merge(target.get_object()[member.key()], member.value());
    }
    return target;
}

RC_GTEST_PROP(Merge, IsTheMergeOfRfc7396, ()) {
    const json::value before = *any_document();
    const json::object patch = *any_patch();
    RC_ASSERT(merge(node(before), patch, new_stamp, nullptr).to_json() ==
              naive_merge(before, patch));
}

RC_GTEST_PROP(Merge, CountsTheSizeAsARecountDoes, ()) {
    const Node merged = merge(node(*any_document()), *any_patch(), new_stamp, nullptr);
    RC_ASSERT(merged.size() == value_size(merged.to_json()));
}

void assert_ordered(const Node& node) {
    if (!node.is_object()) return;
    const auto& members = node.object().members;
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (i > 0) RC_ASSERT(members[i - 1].key < members[i].key);
        assert_ordered(members[i].node);
    }
}

RC_GTEST_PROP(Merge, KeepsMembersInOrderOfTheirKeys, ()) {
    assert_ordered(merge(node(*any_document()), *any_patch(), new_stamp, nullptr));
}

// Spec twin-document 2.3: touched are the nodes in the patch and the way to them, and no others.
void assert_stamps(const Node& before, const Node& after, const json::value& patch) {
    RC_ASSERT(after.stamp() == new_stamp);
    if (!patch.is_object()) return;
    RC_ASSERT(after.is_object());
    for (const Member& member : after.object().members) {
        const Node* former = before.find(member.key);
        if (const json::value* touch = patch.get_object().if_contains(member.key))
            assert_stamps(former ? *former : Node(), member.node, *touch);
        else RC_ASSERT(former != nullptr && member.node == *former);
    }
}

RC_GTEST_PROP(Merge, StampsWhatThePatchNamesAndNothingElse, ()) {
    const Node before = node(*any_document());
    const json::object patch = *any_patch();
    assert_stamps(before, merge(before, patch, new_stamp, nullptr), patch);
}

RC_GTEST_PROP(Merge, IsTakenBackExactly, ()) {
    const Node before = node(*any_document());
    Nested former;
    const Node after = merge(before, *any_patch(), new_stamp, &former);
    const auto reverted = revert(after, {former});
    RC_ASSERT(reverted.has_value());
    RC_ASSERT(*reverted == before);
    RC_ASSERT(reverted->size() == before.size());
}

RC_GTEST_PROP(Merge, TwiceIsOnce, ()) {
    const json::object patch = *any_patch();
    const Node once = merge(node(*any_document()), patch, new_stamp, nullptr);
    RC_ASSERT(merge(once, patch, new_stamp, nullptr) == once);
}

TEST(Merge, SharesWhatItDoesNotTouch) {
    const Node before = node(value(R"({"a":{"x":1},"b":{"y":2}})"));
    const Node after = merge(before, object(R"({"a":{"x":3}})"), new_stamp, nullptr);
    EXPECT_EQ(&before.find("b")->object(), &after.find("b")->object());
    EXPECT_NE(&before.find("a")->object(), &after.find("a")->object());
}

TEST(Revert, RefusesAnInverseThatDoesNotFit) {
    const Undo undo{Nested{old_stamp, {{"a", {Nested{old_stamp, {}}}}}}};
    EXPECT_EQ(revert(node(value(R"({"a":1})")), undo).error().code, Code::corrupted);
    EXPECT_EQ(revert(node(value("{}")), undo).error().code, Code::corrupted);
    EXPECT_EQ(revert(node(value("{}")), {Absent{}}).error().code, Code::corrupted);
}

struct Size {
    const char* text;
    std::size_t size;
};

TEST(Size, CountsAsTheSpecificationSays) {
    const Size sizes[] = {
        {"{}", 0},
        {R"({"abc":1})", 3 + 8},
        {R"({"abc":1.5})", 3 + 8},
        {R"({"abc":true})", 3 + 4},
        {R"({"abc":"xy"})", 3 + 2},
        {R"({"ü€𝄞":"äß"})", 3 + 2},
        {R"({"a":"x\n\u0000\u001f\u0080\u009f\u00a0y"})", 1 + 3},
        {R"({"a":"\u007f"})", 1 + 1},
        {R"({"":"x"})", 1},
        {R"({"a":[1,true,"xyz",[2],{"k":3}]})", 1 + 8 + 4 + 3 + 8 + 9},
        {R"({"o":{"p":{}}})", 2},
    };
    for (const Size& row : sizes) {
        EXPECT_EQ(node(value(row.text)).size(), row.size) << row.text;
        EXPECT_EQ(value_size(value(row.text)), row.size) << row.text;
    }
}

}  // namespace
}  // namespace twinhub::twin

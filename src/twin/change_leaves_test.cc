#include "twin/change_leaves.h"

#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

#include <map>
#include <set>

namespace twinhub::twin {
namespace {

using namespace testing;

struct Line {
    std::string before, after;
    friend bool operator==(const Line&, const Line&) = default;
};
using Lines = std::map<std::string, Line>;

Lines lines_of(const std::vector<TouchedLeaf>& leaves) {
    Lines lines;
    for (const TouchedLeaf& leaf : leaves)
        lines[std::string(path_of(leaf.part)) + ":" + leaf.path] = {
            leaf.before ? to_text(*leaf.before) : "", leaf.after ? to_text(*leaf.after) : ""};
    return lines;
}

// The objects that the inverse goes into.
void nested_paths(const Nested& nested, const std::string& path, bool root,
                  std::set<std::string>& paths) {
    if (!root) paths.insert(path);
    for (const UndoMember& member : nested.members)
        if (const Nested* const inner = std::get_if<Nested>(&member.undo.was))
            nested_paths(*inner, root ? path + member.key : path + "." + member.key, false, paths);
}

TEST(ChangeLeaves, SayWhatAPatchReplacedAddedAndRemoved) {
    const Twin before = twin_of(R"({"site":"a"})", R"({"fan":{"speed":1,"mode":"auto"},"old":2})");
    const auto applied = apply(
        before,
        update(
            R"({"tags":{"site":"b"},"properties":{"desired":{"fan":{"speed":2},"old":null,"new":[1]}}})"),
        at(1));
    ASSERT_TRUE(applied);
    EXPECT_EQ(lines_of(touched_leaves(applied->change)),
              (Lines{{"tags:site", {"\"a\"", "\"b\""}},
                     {"properties.desired:fan.speed", {"1", "2"}},
                     {"properties.desired:new", {"", "[1]"}},
                     {"properties.desired:old", {"2", ""}}}));
}

TEST(ChangeLeaves, OfAReplacementAreThoseOfBothSides) {
    const Twin before = twin_of("{}", R"({"a":{"b":1,"c":{}},"d":2})");
    const auto applied = apply(
        before, update(R"({"properties":{"desired":{"a":{"b":1},"e":{}}}})", Kind::replace), at(1));
    ASSERT_TRUE(applied);
    EXPECT_EQ(lines_of(touched_leaves(applied->change)),
              (Lines{{"properties.desired:a.b", {"1", "1"}},
                     {"properties.desired:a.c", {"{}", ""}},
                     {"properties.desired:d", {"2", ""}},
                     {"properties.desired:e", {"", "{}"}}}));
}

RC_GTEST_PROP(ChangeLeaves, AreThoseThatBothTwinsShow, ()) {
    const Twin before = any_twin();
    const auto applied = any_write(before, at(100));
    RC_PRE(applied.has_value());
    std::set<std::string> objects;
    for (const Part part : parts)
        if (const auto& written = applied->change.part(part))
            if (const Nested* const nested = std::get_if<Nested>(&written->inverse.was))
                nested_paths(*nested, std::string(path_of(part)) + ":", true, objects);
    Lines expected = lines_of(touched_leaves(before, applied->next, applied->change));
    std::erase_if(expected, [&](const auto& line) { return objects.contains(line.first); });
    RC_ASSERT(lines_of(touched_leaves(applied->change)) == expected);
}

}  // namespace
}  // namespace twinhub::twin

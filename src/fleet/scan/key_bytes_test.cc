#include "fleet/scan/key_bytes.h"

#include "query/scalar.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::fleet {
namespace {

using query::Value;

// Values whose text and trees live here.
const std::vector<json::value>& trees() {
    static const std::vector<json::value> all{nullptr,
                                              true,
                                              false,
                                              0,
                                              -0.0,
                                              1,
                                              -1,
                                              1.5,
                                              -1.5,
                                              1e300,
                                              -1e300,
                                              9007199254740993.0,
                                              5e-324,
                                              "",
                                              "a",
                                              "ab",
                                              "b",
                                              json::string("a\0", 2),
                                              json::string("a\0b", 3),
                                              json::string("a\1", 2),
                                              "2026-03-01",
                                              "2026-03-01T00:00:00Z",
                                              "2026-03-01T00:00:00.5Z",
                                              "2026-03-01T02:00:00+01:00",
                                              "\xc3\xbc",
                                              json::array{},
                                              json::array{1, "a"},
                                              json::array{"a", 1},
                                              json::object{},
                                              json::object{{"b", 1}, {"a", 2.5}},
                                              json::object{{"a", 2.5}, {"b", 1.0}}};
    return all;
}

Value any_value() {
    const auto n = *rc::gen::inRange<std::size_t>(0, trees().size() + 1);
    return n == trees().size() ? Value() : Value::of(trees()[n]);
}

RC_GTEST_PROP(KeyBytes, StandInTheOrderOfOrderBy, ()) {
    const Value a = any_value();
    const Value b = any_value();
    const bool time = *rc::gen::arbitrary<bool>();
    const auto wanted = query::order(a, b, time);
    for (const bool descending : {false, true}) {
        std::string left;
        std::string right;
        append_sort_key(left, a, {descending, time});
        append_sort_key(right, b, {descending, time});
        RC_ASSERT((left <=> right) == (descending ? 0 <=> wanted : wanted));
        // A second key decides only when the first ones are equal.
        left += "z";
        right += "a";
        const bool before = wanted == 0 ? false : (wanted < 0) != descending;
        RC_ASSERT((left < right) == before);
    }
}

RC_GTEST_PROP(KeyBytes, OfGroupsAreEqualWhereValuesAre, ()) {
    const Value a = any_value();
    const Value b = any_value();
    std::string left;
    std::string right;
    append_group_key(left, a);
    append_group_key(right, b);
    std::string left_json;
    std::string right_json;
    const bool left_defined = append_group_json(left_json, left);
    const bool right_defined = append_group_json(right_json, right);
    RC_ASSERT((left == right) == (left_defined == right_defined && left_json == right_json));
}

TEST(KeyBytes, OfGroupsComeBackAsJson) {
    const std::pair<json::value, std::string> cases[] = {
        {nullptr, "null"},
        {true, "true"},
        {-3, "-3"},
        {2.0, "2"},
        {1.25, "1.25"},
        {json::string("a\0\"", 3), R"("a\u0000\"")"},
        {json::array{1.0, json::object{{"b", 2}, {"a", 1}}}, R"([1,{"a":1,"b":2}])"}};
    std::string bytes;
    for (const auto& [tree, text] : cases) append_group_key(bytes, Value::of(tree));
    append_group_key(bytes, Value());
    std::string_view left = bytes;
    for (const auto& [tree, text] : cases) {
        std::string json;
        EXPECT_TRUE(append_group_json(json, take_group_key(left)));
        EXPECT_EQ(json, text);
    }
    std::string json;
    EXPECT_FALSE(append_group_json(json, take_group_key(left)));
    EXPECT_EQ(json, "");
    EXPECT_TRUE(left.empty());
}

RC_GTEST_PROP(KeyBytes, OfGroupsSortAsTheirValuesDo, ()) {
    const Value value = any_value();
    const SortOrder order{*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()};
    std::string bytes;
    append_group_key(bytes, value);
    std::string found;
    append_group_sort_key(found, bytes, order);
    std::string wanted;
    append_sort_key(wanted, value, order);
    RC_ASSERT(found == wanted);
}

RC_GTEST_PROP(KeyBytes, OfAnythingAreTakenApartSafely, (const std::string& bytes)) {
    std::string_view left = bytes;
    while (const auto text = take_text_key(left)) {
        std::string again;
        append_text_key(again, *text);
        RC_ASSERT(again.size() >= 2);
    }
    RC_ASSERT(left.size() <= bytes.size());
}

TEST(KeyBytes, OfIdsStandShorterFirst) {
    std::string a;
    append_text_key(a, "dev");
    append_text_key(a, "z");
    std::string b;
    append_text_key(b, "dev-1");
    append_text_key(b, "");
    EXPECT_LT(a, b);
    std::string_view left = a;
    EXPECT_EQ(take_text_key(left), "dev");
    EXPECT_EQ(take_text_key(left), "z");
    EXPECT_EQ(take_text_key(left), std::nullopt);
}

}  // namespace
}  // namespace twinhub::fleet

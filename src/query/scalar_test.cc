#include "query/scalar.h"

#include "query/testing/expressions.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::query {
namespace {

using testing::value;

TEST(Order, GoesByTypeThenByValue) {
    const std::vector<json::value> trees{
        value("null"),  value("false"),  value("true"),   value("-3"),  value("0.5"), value("12"),
        value(R"("")"), value(R"("B")"), value(R"("a")"), value("[2]"), value("{}")};
    std::vector<Value> values{Value()};
    for (const json::value& tree : trees) values.push_back(Value::of(tree));
    for (std::size_t i = 0; i < values.size(); ++i)
        for (std::size_t j = 0; j < values.size(); ++j)
            EXPECT_EQ(order(values[i], values[j], false), std::weak_ordering(i <=> j)) << i << j;
}

TEST(Order, OfArraysAndObjectsIsATie) {
    const json::value a = value("[1]"), b = value("[2]"), c = value(R"({"x":1})"), d = value("{}");
    EXPECT_EQ(order(Value::of(a), Value::of(b), false), std::weak_ordering::equivalent);
    EXPECT_EQ(order(Value::of(c), Value::of(d), false), std::weak_ordering::equivalent);
}

TEST(Order, OfTimesIsThatOfInstantsBeforeOtherTexts) {
    const auto compared = [](std::string_view a, std::string_view b) {
        return order(Value::string(a), Value::string(b), true);
    };
    EXPECT_TRUE(compared("2026-03-01T11:30:00Z", "2026-03-01T11:30:00.5Z") < 0);
    EXPECT_TRUE(compared("2026-03-01T11:30:00Z", "2026-03-01T12:30:00+01:00") == 0);
    EXPECT_TRUE(compared("2026-03-01", "0") < 0);
    EXPECT_TRUE(compared("b", "a") > 0);
}

RC_GTEST_PROP(Order, OfTimesIsTransitive, ()) {
    const auto text = rc::gen::element<std::string>(
        "2026-03-01", "2026-03-01T00:00:00Z", "2", "a", "2026-03-01T00:00:00.1Z", "2027", "",
        "0001-01-01T00:00:00Z", "2026-03-01T01:00+01:00");
    const std::string a = *text, b = *text, c = *text;
    const auto less = [](std::string_view x, std::string_view y) {
        return order(Value::string(x), Value::string(y), true) < 0;
    };
    if (less(a, b) && less(b, c)) RC_ASSERT(less(a, c));
    RC_ASSERT(!(less(a, b) && less(b, a)));
    // Equivalence is transitive, too.
    const auto ties = [&](std::string_view x, std::string_view y) {
        return !less(x, y) && !less(y, x);
    };
    if (ties(a, b) && ties(b, c)) RC_ASSERT(ties(a, c));
}

TEST(Scratch, KeepsWhatItGaveUntilItIsCleared) {
    Scratch scratch;
    char* const first = scratch.take(10);
    char* const second = scratch.take(10'000);
    char* const third = scratch.take(10);
    std::fill_n(first, 10, 'a');
    std::fill_n(second, 10'000, 'b');
    std::fill_n(third, 10, 'c');
    EXPECT_EQ(std::string(first, 10), std::string(10, 'a'));
    EXPECT_EQ(std::string(second, 10'000), std::string(10'000, 'b'));
    scratch.clear();
    EXPECT_EQ(scratch.take(10), first);
    EXPECT_EQ(scratch.take(10'000), second);
}

}  // namespace
}  // namespace twinhub::query

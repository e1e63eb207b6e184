#include "fleet/dictionary.h"

#include "twin/testing/generators.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::fleet {
namespace {

using query::Type;
using query::Value;

Value text(std::string_view text) { return Value::string(text); }

TEST(Dictionary, GivesEqualValuesOneCodeAndOthersAnother) {
    Dictionary dictionary;
    const Code one = dictionary.add(Value::number(1));
    EXPECT_EQ(dictionary.add(Value::number(1.0)), one);
    EXPECT_EQ(dictionary.add(Value::number(-0.0)), dictionary.add(Value::number(0)));
    EXPECT_NE(dictionary.add(text("1")), one);
    EXPECT_NE(dictionary.add(Value::boolean(true)), dictionary.add(Value::boolean(false)));
    EXPECT_NE(dictionary.add(text("")), dictionary.add(Value::null()));
    EXPECT_EQ(dictionary.used(), 7u);
    EXPECT_EQ(dictionary.numbers(), 2u);
}

TEST(Dictionary, TheFirstCodeIsUndefined) {
    Dictionary dictionary;
    Scratch scratch;
    EXPECT_EQ(dictionary.size(), 1u);
    EXPECT_TRUE(dictionary.value(undefined_code, scratch).is(Type::undefined));
    EXPECT_EQ(dictionary.find(Value()), undefined_code);
    EXPECT_EQ(dictionary.find(text("x")), std::nullopt);
}

TEST(Dictionary, AnArrayHasOneTextWhateverTheOrderOfItsKeys) {
    Dictionary dictionary;
    const json::value one = parse_json(R"([{"a":1,"b":[2.5]},null,"x"])").value();
    const json::value same = parse_json(R"([{"b":[2.5],"a":1.0},null,"x"])").value();
    const Code code = dictionary.add(Value::of(one));
    EXPECT_EQ(dictionary.add(Value::of(same)), code);
    Scratch scratch;
    const Value value = dictionary.value(code, scratch);
    ASSERT_TRUE(value.is(Type::array));
    EXPECT_EQ(*value.tree(), one);
    EXPECT_NE(dictionary.add(text(to_text(one))), code);
}

TEST(Dictionary, AValueGoesWithItsLastCell) {
    Dictionary dictionary;
    const Code code = dictionary.add(text("a"));
    dictionary.add(text("a"));
    dictionary.release(code);
    EXPECT_EQ(dictionary.find(text("a")), code);
    const std::uint64_t before = dictionary.revision();
    dictionary.release(code);
    EXPECT_GT(dictionary.revision(), before);
    EXPECT_EQ(dictionary.find(text("a")), std::nullopt);
    EXPECT_EQ(dictionary.type(code), Type::undefined);
    EXPECT_EQ(dictionary.used(), 0u);
    EXPECT_EQ(dictionary.add(text("b")), code);
}

TEST(Dictionary, ManyValuesThatComeAndGoDoNotLetItGrow) {
    Dictionary dictionary;
    std::vector<Code> codes;
    for (int i = 0; i < 1000; ++i)
        codes.push_back(dictionary.add(text("value " + std::to_string(i))));
    const std::size_t bytes = dictionary.bytes();
    for (int i = 1000; i < 50'000; ++i) {
        Code& code = codes[static_cast<std::size_t>(i) * 7919 % codes.size()];
        dictionary.release(code);
        code = dictionary.add(text("value " + std::to_string(i)));
    }
    EXPECT_EQ(dictionary.used(), 1000u);
    EXPECT_LE(dictionary.size(), 1002u);
    EXPECT_LE(dictionary.bytes(), bytes * 2);
}

TEST(Dictionary, LongTextsCostLittleMoreThanThemselves) {
    Dictionary dictionary;
    std::size_t texts = 0;
    for (int i = 0; i < 100'000; ++i) {
        const std::string serial = "SN-" + std::to_string(1'000'000 + i);
        dictionary.add(text(serial));
        texts += serial.size();
    }
    EXPECT_LE(dictionary.bytes(), texts + 100'000 * 26);
}

RC_GTEST_PROP(Dictionary, IsACountedSet, ()) {
    Dictionary dictionary;
    std::map<std::string, std::pair<Code, int>> model;  // by text: the code and its cells
    const auto check = [&] {
        RC_ASSERT(dictionary.used() == model.size());
        Scratch scratch;
        for (const auto& [value, known] : model) {
            RC_ASSERT(dictionary.find(text(value)) == known.first);
            RC_ASSERT(dictionary.value(known.first, scratch).string() == value);
        }
        Code used = 0;
        for (Code code = 0; code < dictionary.size(); ++code)
            used += dictionary.type(code) != Type::undefined;
        RC_ASSERT(used == model.size());
    };
    const int steps = *rc::gen::inRange(0, 200);
    for (int i = 0; i < steps; ++i) {
        const int what = *rc::gen::inRange(0, 20);
        const auto length = *rc::gen::inRange<std::size_t>(0, 40);
        const std::string value =
            std::to_string(*rc::gen::inRange(0, 30)) + std::string(length / 10 * 10, 'x');
        if (what == 0) {
            const std::vector<Code> map = dictionary.renumber();
            for (auto& [text, known] : model) known.first = map[known.first];
            RC_ASSERT(dictionary.size() == model.size() + 1);
        } else if (what < 11 || !model.contains(value)) {
            auto& known = model[value];
            known.first = dictionary.add(text(value));
            ++known.second;
        } else {
            auto& known = model[value];
            dictionary.release(known.first);
            if (--known.second == 0) model.erase(value);
        }
        if (i % 16 == 0) check();
    }
    check();
}

}  // namespace
}  // namespace twinhub::fleet

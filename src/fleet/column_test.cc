#include "fleet/column.h"

#include "twin/etag.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::fleet {
namespace {

using query::Type;
using query::Value;

// A column as a node of the tree of paths keeps it.
struct Fixture {
    explicit Fixture(std::uint32_t rows) : capacity(rows) {}

    void set(Row row, const Value& value) {
        column.set(row, value);
        if (column.wants_renumbering()) column.recode(dictionary.renumber());
    }
    void grow(std::uint32_t rows) {
        capacity = rows;
        column.resize();
    }
    std::size_t bytes() const { return column.bytes() + dictionary.bytes(); }

    std::uint32_t capacity;
    Dictionary dictionary;
    Column column{Content::values, capacity, &dictionary};
};

TEST(Column, FewRowsAreSparseAndManyAreCodes) {
    Fixture fixture(6400);
    for (Row row = 0; row < 6400; ++row) {
        if (row == 100) EXPECT_EQ(fixture.column.form(), Form::sparse);
        fixture.set(row, Value::string(row % 3 == 0 ? "a" : "b"));
    }
    EXPECT_EQ(fixture.column.form(), Form::codes8);
    EXPECT_EQ(fixture.column.codes8().size(), 6400u);
    EXPECT_EQ(fixture.column.count(), 6400u);
    for (Row row = 60; row < 6400; ++row) fixture.set(row, Value());
    EXPECT_EQ(fixture.column.form(), Form::sparse);
    EXPECT_EQ(fixture.column.count(), 60u);
    Scratch scratch;
    EXPECT_EQ(fixture.column.value(3, scratch).string(), "a");
    EXPECT_TRUE(fixture.column.value(60, scratch).is(Type::undefined));
}

TEST(Column, CodesGrowWideWithTheValuesAndNarrowAgain) {
    Fixture fixture(128'000);
    const auto fill = [&](std::uint32_t values) {
        for (Row row = 0; row < fixture.capacity; ++row)
            fixture.set(row, Value::string("v" + std::to_string(row % values)));
    };
    const auto expect_values = [&](std::uint32_t values) {
        Scratch scratch;
        for (Row row = 0; row < fixture.capacity; row += 7)
            ASSERT_EQ(fixture.column.value(row, scratch).string(),
                      "v" + std::to_string(row % values));
    };
    fill(255);
    EXPECT_EQ(fixture.column.form(), Form::codes8);
    expect_values(255);
    fill(256);
    EXPECT_EQ(fixture.column.form(), Form::codes16);
    expect_values(256);
    fill(70'000);
    EXPECT_EQ(fixture.column.form(), Form::codes32);
    expect_values(70'000);
    fill(30'000);
    EXPECT_EQ(fixture.column.form(), Form::codes16);
    expect_values(30'000);
    EXPECT_EQ(fixture.dictionary.used(), 30'000u);
    fill(100);
    EXPECT_EQ(fixture.column.form(), Form::codes8);
    expect_values(100);
    EXPECT_EQ(fixture.dictionary.used(), 100u);
    EXPECT_LE(fixture.dictionary.size(), 256u);
}

TEST(Column, ManyNumbersAreWordsAndFewAreCodes) {
    Fixture fixture(12'800);
    for (Row row = 0; row < 12'800; ++row) fixture.set(row, Value::number(row / 8.0));
    EXPECT_EQ(fixture.column.form(), Form::words);
    EXPECT_EQ(fixture.dictionary.used(), 0u);
    EXPECT_EQ(fixture.column.words()[80].number(), 10);
    for (int round = 0; round < 2; ++round)
        for (Row row = 0; row < 12'800; ++row) fixture.set(row, Value::number(row % 101));
    EXPECT_EQ(fixture.column.form(), Form::codes8);
    EXPECT_EQ(fixture.dictionary.numbers(), 101u);
    EXPECT_LT(fixture.bytes(), 20'000u);
    for (Row row = 0; row < 12'800; ++row) fixture.set(row, Value::number(row + 0.5));
    EXPECT_EQ(fixture.column.form(), Form::words);
    EXPECT_EQ(fixture.dictionary.used(), 0u);
}

TEST(Column, AnyTypesMayMeetInOnePath) {
    Fixture fixture(1280);
    const json::value array = {1, "two"};
    for (Row row = 0; row < 1280; ++row) {
        switch (row % 6) {
            case 0: fixture.set(row, Value::number(row)); break;
            case 1: fixture.set(row, Value::boolean(true)); break;
            case 2: fixture.set(row, Value::string("text")); break;
            case 3: fixture.set(row, Value::of(array)); break;
            case 4: fixture.set(row, Value::object_mark()); break;
            default: fixture.set(row, Value::null());
        }
    }
    Scratch scratch;
    EXPECT_EQ(fixture.column.value(600, scratch).number(), 600);
    EXPECT_TRUE(fixture.column.value(601, scratch).boolean());
    EXPECT_EQ(fixture.column.value(602, scratch).string(), "text");
    EXPECT_EQ(*fixture.column.value(603, scratch).tree(), array);
    EXPECT_TRUE(fixture.column.value(604, scratch).is(Type::object));
    EXPECT_TRUE(fixture.column.value(605, scratch).is(Type::null));
    for (const Row row : {600u, 601u, 602u, 603u, 604u, 605u})
        EXPECT_EQ(fixture.column.word_of(fixture.column.value(row, scratch)),
                  fixture.column.word(row));
    EXPECT_EQ(fixture.column.word_of(Value::string("absent")), std::nullopt);
}

TEST(Column, RowsBeyondAreUndefinedAlsoAfterGrowth) {
    Fixture fixture(64);
    for (Row row = 0; row < 64; ++row) fixture.set(row, Value::boolean(true));
    fixture.grow(128);
    ASSERT_EQ(fixture.column.form(), Form::codes8);
    EXPECT_EQ(fixture.column.codes8().size(), 128u);
    EXPECT_EQ(fixture.column.codes8()[64], undefined_code);
    EXPECT_FALSE(fixture.column.has(64));
    EXPECT_FALSE(fixture.column.has(1'000'000));
    fixture.grow(64 * 1024);
    EXPECT_EQ(fixture.column.form(), Form::sparse);
    EXPECT_TRUE(fixture.column.has(63));
}

TEST(Column, TimesAreInstantsAndReadAsText) {
    const std::uint32_t capacity = 64;
    Column column(Content::times, capacity, nullptr);
    const Instant time{std::chrono::seconds{1'700'000'000}};
    column.set(5, time);
    column.set(6, never);
    EXPECT_EQ(column.form(), Form::ticks);
    EXPECT_EQ(column.count(), 2u);
    EXPECT_EQ(column.instant(5), time);
    EXPECT_EQ(column.instant(4), std::nullopt);
    EXPECT_EQ(column.ticks()[4], Column::no_tick);
    Scratch scratch;
    EXPECT_EQ(column.value(6, scratch).string(), "0001-01-01T00:00:00Z");
    column.clear(5);
    EXPECT_EQ(column.count(), 1u);
    EXPECT_FALSE(column.has(5));
}

TEST(Column, EtagsAreNumbersAndReadAsText) {
    const std::uint32_t capacity = 64;
    Dictionary dictionary;
    Column column(Content::etags, capacity, &dictionary);
    column.set(3, Value::number(77));
    Scratch scratch;
    EXPECT_EQ(column.value(3, scratch).string(), twin::etag_text(77));
    EXPECT_EQ(column.word_of(Value::string(twin::etag_text(77))), column.word(3));
    EXPECT_EQ(column.word_of(Value::string("AAAA")), std::nullopt);
    EXPECT_EQ(column.word_of(Value::string("AAAAAAAAAE0")), std::nullopt);  // no padding
    EXPECT_EQ(column.word_of(Value::number(77)), std::nullopt);
}

// Numbers from a few to very many, texts, absence; a growing and shrinking table.
RC_GTEST_PROP(Column, IsAMapOfRowsToValuesInEveryForm, ()) {
    Fixture fixture(64);
    std::map<Row, std::variant<double, std::string>> model;
    const int phases = *rc::gen::inRange(1, 6);
    for (int phase = 0; phase < phases; ++phase) {
        const auto rows = static_cast<std::uint32_t>(*rc::gen::element(64, 640, 3200));
        if (rows > fixture.capacity) fixture.grow(rows);
        const int numbers = *rc::gen::element(0, 1, 40, 100'000);
        const int texts = *rc::gen::element(0, 3, 700);
        const int absent = *rc::gen::element(0, 10, 95, 100);
        const int writes = *rc::gen::inRange(1, 6000);
        auto seed = *rc::gen::inRange<std::uint32_t>(1, 1'000'000);
        const auto below = [&seed](auto bound) {
            seed = seed * 1'664'525 + 1'013'904'223;
            return (seed >> 8) % static_cast<std::uint32_t>(bound);
        };
        for (int i = 0; i < writes; ++i) {
            const Row row = below(rows);
            if (numbers + texts == 0 || below(100) < static_cast<std::uint32_t>(absent)) {
                fixture.set(row, Value());
                model.erase(row);
            } else if (texts == 0 || (numbers > 0 && below(2) == 0)) {
                const double number = below(numbers) / 4.0;
                fixture.set(row, Value::number(number));
                model[row] = number;
            } else {
                const std::string text = "t" + std::to_string(below(texts));
                fixture.set(row, Value::string(text));
                model[row] = text;
            }
        }
        RC_TAG(static_cast<int>(fixture.column.form()));
        RC_ASSERT(fixture.column.count() == model.size());
        Scratch scratch;
        for (Row row = 0; row < fixture.capacity; ++row) {
            const Value value = fixture.column.value(row, scratch);
            const auto at = model.find(row);
            if (at == model.end()) {
                RC_ASSERT(value.is(Type::undefined));
            } else if (const double* number = std::get_if<double>(&at->second)) {
                RC_ASSERT(value.is(Type::number));
                RC_ASSERT(value.number() == *number);
            } else {
                RC_ASSERT(value.is(Type::string));
                RC_ASSERT(value.string() == std::get<std::string>(at->second));
            }
        }
        std::size_t seen = 0;
        fixture.column.for_each([&](Row row, Word word) {
            RC_ASSERT(fixture.column.word(row) == word);
            ++seen;
        });
        RC_ASSERT(seen == model.size());
    }
    for (Row row = 0; row < fixture.capacity; ++row) fixture.set(row, Value());
    RC_ASSERT(fixture.column.count() == 0u);
    RC_ASSERT(fixture.dictionary.used() == 0u);
}

}  // namespace
}  // namespace twinhub::fleet

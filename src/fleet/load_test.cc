// A table that was loaded says what one says whose rows were put, and goes on like it.
#include "base/ids.h"
#include "fleet/canonical.h"
#include "fleet/table.h"
#include "fleet/testing/any_fleet.h"
#include "fleet/testing/naive.h"
#include "fleet/testing/sample_fleet.h"
#include "twin/codec.h"
#include "twin/testing/generators.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace twinhub::fleet {
namespace {

using testing::AnyFleet;
using testing::Model;
using testing::ModelFleet;
using testing::NaiveReading;
using testing::SampleFleet;

enum class From : bool { bytes, trees };

void load(Table& table, const twin::IdentityFacts& facts, const twin::Twin& twin, From from) {
    if (from == From::trees) return table.load(facts, twin);
    std::string bytes;
    twin::append_encoded(bytes, twin);
    twin::FlatTwin flat;
    ASSERT_TRUE(twin::decode_flat(bytes, flat));
    table.load(facts, flat);
    std::ranges::fill(bytes, '#');  // what a cursor showed goes with its next step
}

// The first thing in which two tables with the same rows differ.
class Difference {
public:
    Difference(const Table& a, const Table& b) : a_(a), b_(b) {}

    std::optional<std::string> find() {
        if (a_.row_count() != b_.row_count() || a_.live_count() != b_.live_count())
            return "the number of rows";
        if (!std::ranges::equal(a_.ids(), b_.ids())) return "the key order";
        for (const Row row : a_.ids())
            if (a_.key(row) != b_.key(row) || b_.find(a_.key(row)) != row) return "a key";
        compare_children();
        return found_;
    }

private:
    using Columns = std::map<std::string, const Column*>;

    Columns children(const Table& table) const {
        Columns all;
        table.for_each_child(path_, [&](std::string_view name, const Column& column) {
            all.emplace(name, &column);
        });
        return all;
    }

    void compare_children() {
        const Columns left = children(a_);
        const Columns right = children(b_);
        if (!std::ranges::equal(left, right, {}, &Columns::value_type::first,
                                &Columns::value_type::first))
            return fail("other members");
        for (const auto& [name, column] : left) {
            path_.emplace_back(name);
            compare(*column, *right.at(name));
            compare_children();
            path_.pop_back();
        }
    }

    void compare(const Column& left, const Column& right) {
        if (left.count() != right.count()) return fail("the count");
        if (left.content() != right.content()) return fail("the content");
        for (Row row = 0; row < a_.row_count(); ++row) {
            Scratch one;
            Scratch other;
            const query::Value a = left.value(row, one);
            const query::Value b = right.value(row, other);
            if (a.type() != b.type() || text_of(a) != text_of(b)) return fail("a cell");
        }
        if (left.content() == Content::values && values_of(left) != values_of(right))
            fail("the dictionary");
    }

    static std::string text_of(const query::Value& value) {
        std::string text;
        switch (value.type()) {
            case query::Type::boolean: return value.boolean() ? "true" : "false";
            case query::Type::number: return fmt::format("{}", value.number());
            case query::Type::string: return std::string(value.string());
            case query::Type::array: append_canonical(text, *value.tree()); return text;
            default: return text;
        }
    }

    // But for numbers, which are in it or not as the form wants.
    static std::vector<std::string> values_of(const Column& column) {
        std::vector<std::string> values;
        const Dictionary& dictionary = column.dictionary();
        for (Code code = 1; code < dictionary.size(); ++code) {
            Scratch scratch;
            const query::Value value = dictionary.value(code, scratch);
            if (value.is(query::Type::undefined) || value.is(query::Type::number)) continue;
            values.push_back(fmt::format("{}:{}", static_cast<int>(value.type()), text_of(value)));
        }
        std::ranges::sort(values);
        return values;
    }

    void fail(const std::string& what) {
        if (found_) return;
        found_ = what + " at";
        for (const query::Segment& segment : path_) *found_ += ' ' + std::get<std::string>(segment);
    }

    const Table& a_;
    const Table& b_;
    std::vector<query::Segment> path_;
    std::optional<std::string> found_;
};

// Some fleet: twins of all shapes, and many that are alike.
std::vector<Model> any_models(bool modules) {
    AnyFleet fleet(1);
    const int odd = *rc::gen::inRange(0, 30);
    for (int i = 0; i < odd; ++i) fleet.put_any(modules);
    if (*rc::gen::arbitrary<bool>()) fleet.put_many(*rc::gen::inRange<std::size_t>(1, 400));
    std::vector<Model> models;
    const ModelFleet& shard = *fleet.shards().front();
    for (std::size_t n = 0; n < shard.size(); ++n) models.push_back(shard.model(n));
    return models;
}

RC_GTEST_PROP(Load, GivesWhatPuttingGives, (bool modules)) {
    std::vector<Model> models = any_models(modules);
    // In runs of rising keys, as slots are.
    const auto runs = *rc::gen::inRange<std::size_t>(1, 9);
    std::ranges::sort(models, {}, [&](const Model& model) {
        return std::tuple(stable_hash(model.device_id) % runs, std::string_view(model.device_id),
                          std::string_view(model.module_id));
    });
    Table put;
    Table loaded;
    // The guess may be wrong in both directions.
    loaded.begin_load(
        static_cast<std::uint32_t>(*rc::gen::inRange<std::size_t>(0, models.size() * 2 + 1)));
    for (const Model& model : models) {
        put.put(model.facts(), model.twin);
        load(loaded, model.facts(), model.twin,
             *rc::gen::weightedElement<From>({{9, From::bytes}, {1, From::trees}}));
    }
    loaded.end_load();
    if (const auto found = Difference(put, loaded).find()) RC_FAIL(*found);
    NaiveReading reading(loaded);
    for (const Model& model : models)
        if (const auto found = reading.difference(model.facts(), model.twin)) RC_FAIL(*found);

    // And so it goes on.
    for (std::size_t i = 0; i < models.size(); i += 1 + models.size() / 20) {
        const twin::Twin next = twin::testing::any_twin();
        for (Table* table : {&put, &loaded}) {
            const Row row = *table->find({models[i].device_id, models[i].module_id});
            if (i % 3 == 0) table->remove(row, &models[i].twin);
            else table->change(row, models[i].twin, next);
        }
    }
    if (const auto found = Difference(put, loaded).find()) RC_FAIL(*found);
}

TEST(Load, TakesNoMoreMemoryThanPutting) {
    Table put;
    Table loaded;
    constexpr std::uint32_t rows = 8000;
    loaded.begin_load(rows);
    SampleFleet fleet;
    for (std::uint32_t i = 0; i < rows; ++i) {
        const testing::Sample sample = fleet.next();
        put.put(sample.facts(), sample.twin);
        load(loaded, sample.facts(), sample.twin, From::bytes);
    }
    loaded.end_load();
    EXPECT_EQ(Difference(put, loaded).find(), std::nullopt);
    EXPECT_LE(loaded.memory().columns, put.memory().columns);
    EXPECT_LE(loaded.memory().dictionaries, put.memory().dictionaries);
    EXPECT_LE(loaded.memory().paths, put.memory().paths);
    EXPECT_LE(loaded.memory().ids, put.memory().ids);
}

// More paths than are remembered on the way.
TEST(Load, StandsAFleetWithoutACommonKey) {
    Table put;
    Table loaded;
    loaded.begin_load(240);
    for (int i = 0; i < 240; ++i) {
        json::object reported;
        for (int k = 0; k < 50; ++k) reported[fmt::format("key-{}-{}", i, k)] = "v";
        const std::string name = fmt::format("d{:04}", i);
        const twin::Twin twin = twin::testing::twin_of("{}", "{}", to_text(reported));
        put.put({.device_id = name}, twin);
        load(loaded, {.device_id = name}, twin, From::bytes);
    }
    loaded.end_load();
    EXPECT_EQ(Difference(put, loaded).find(), std::nullopt);
}

}  // namespace
}  // namespace twinhub::fleet

#include "store/engine_fixtures_for_tests.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <map>

// Random lives of an engine, compared with plain maps after every step.
namespace twinhub::store {
namespace {

using Table = std::map<std::string, std::string>;
using Model = std::array<Table, 3>;  // by family; see any_family

// Few short keys, so that steps meet each other.
rc::Gen<std::string> any_key() {
    return rc::gen::resize(
        3, rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab\xff\0", 4))));
}
// Not metadata: the engine keeps a record of its own there.
rc::Gen<Family> any_family() {
    return rc::gen::element(Family::identities, Family::twins, Family::changes);
}

// Adds a random operation to both.
void grow(Batch& batch, Model& model) {
    const Family family = *any_family();
    Table& table = model[static_cast<std::size_t>(family)];
    const std::string key = *any_key();
    switch (*rc::gen::weightedElement<int>({{6, 0}, {3, 1}, {1, 2}})) {
        case 0: {
            const auto value = *rc::gen::arbitrary<std::string>();
            batch.put(family, key, value);
            table[key] = value;
            break;
        }
        case 1:
            batch.remove(family, key);
            table.erase(key);
            break;
        default: {
            const std::string to = *any_key();
            batch.remove_range(family, key, to);
            if (key < to) table.erase(table.lower_bound(key), table.lower_bound(to));
        }
    }
}

Pairs part(const Table& table, const Range& range) {
    Pairs all;
    for (const auto& [key, value] : table)
        if (range.holds(key)) all.emplace_back(key, value);
    return all;
}

// One random question, asked of the snapshot and of the model it should equal.
void ask(const Snapshot& snapshot, const Model& model) {
    const Family family = *any_family();
    const Table& table = model[static_cast<std::size_t>(family)];
    const std::string key = *any_key();
    const auto found = table.find(key);
    RC_ASSERT(snapshot.get(family, key).value() ==
              (found == table.end() ? std::nullopt : std::optional(found->second)));

    const Range range{*any_key(), *any_key()};
    Pairs expected = part(table, range);
    const auto cursor = snapshot.scan(family, range);
    RC_ASSERT(read_all(*cursor) == expected);

    cursor->seek(key);
    const auto next =
        std::ranges::find_if(expected, [&](const auto& pair) { return pair.first >= key; });
    RC_ASSERT(cursor->valid() == (next != expected.end()));
    if (cursor->valid()) RC_ASSERT(cursor->key() == next->first);

    std::ranges::reverse(expected);
    RC_ASSERT(read_all(*cursor, true) == expected);
    cursor->seek_backward(key);
    const auto before =
        std::ranges::find_if(expected, [&](const auto& pair) { return pair.first <= key; });
    RC_ASSERT(cursor->valid() == (before != expected.end()));
    if (cursor->valid()) RC_ASSERT(cursor->key() == before->first);
}

template <class Fixture>
void live(Fixture& fixture) {
    Model model;
    Batch everything;
    for (std::size_t i = 0; i < model.size(); ++i)
        for (const auto& [key, value] : read_all(fixture.engine(), static_cast<Family>(i)))
            everything.remove(static_cast<Family>(i), key);
    RC_ASSERT(commit_one(fixture.engine(), everything).has_value());
    std::shared_ptr<const Snapshot> old;
    Model old_model;

    const int steps = *rc::gen::inRange(1, 25);
    for (int step = 0; step < steps; ++step) {
        const int what = *rc::gen::weightedElement<int>({{10, 0}, {3, 1}, {1, 2}, {1, 3}});
        if (what == 0) {
            std::vector<Batch> batches(*rc::gen::inRange<std::size_t>(1, 4));
            std::vector<const Batch*> pointers;
            for (Batch& batch : batches) {
                const int operations = *rc::gen::inRange(0, 6);
                for (int i = 0; i < operations; ++i) grow(batch, model);
                pointers.push_back(&batch);
            }
            RC_ASSERT(fixture.engine().commit(pointers).has_value());
        } else if (what == 1) {
            old = fixture.engine().snapshot();
            old_model = model;
        } else if (what == 2) {
            RC_ASSERT(fixture.engine().flush().has_value());
        } else {
            const Family family = *any_family();
            Table& table = model[static_cast<std::size_t>(family)];
            const auto run = *rc::gen::container<Table>(any_key(), any_key());
            const Pairs pairs(run.begin(), run.end());
            for (const auto& [key, value] : pairs) table[key] = value;
            RC_ASSERT(fixture.engine().ingest(family, source_of(pairs)).has_value());
        }
        ask(*fixture.engine().snapshot(), model);
        if (old) ask(*old, old_model);
    }
    old.reset();
    if (*rc::gen::inRange(0, 4) == 0) fixture.reopen();
    for (std::size_t i = 0; i < model.size(); ++i)
        RC_ASSERT(read_all(fixture.engine(), static_cast<Family>(i)) == part(model[i], {}));
}

RC_GTEST_PROP(EngineModel, MemoryIsLikePlainMaps, ()) {
    MemoryFixture fixture;
    live(fixture);
}

TEST(EngineModel, RocksDbIsLikePlainMaps) {
    RocksDbFixture fixture;  // one for all lives: an open is slow
    EXPECT_TRUE(rc::check("RocksDB is like plain maps", [&fixture] { live(fixture); }));
}

}  // namespace
}  // namespace twinhub::store

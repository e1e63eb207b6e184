#include "fleet/sparse_cells.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::fleet {
namespace {

RC_GTEST_PROP(SparseCells, IsAMapOfRowsToWords, ()) {
    SparseCells cells;
    std::map<Row, double> model;
    const int writes = *rc::gen::inRange(0, 150);
    for (int i = 0; i < writes; ++i) {
        const Row row = *rc::gen::inRange<Row>(0, 40);
        std::optional<double> number = *rc::gen::inRange(0, 100) / 4.0;
        if (*rc::gen::arbitrary<bool>()) number.reset();
        const Word before = cells.set(row, number ? Word::of_number(*number) : Word());
        const auto known = model.find(row);
        RC_ASSERT(before == (known == model.end() ? Word() : Word::of_number(known->second)));
        if (number) model[row] = *number;
        else model.erase(row);
        RC_ASSERT(cells.size() == model.size());
        for (Row each = 0; each < 40; ++each) {
            const auto at = model.find(each);
            RC_ASSERT(cells.find(each) ==
                      (at == model.end() ? Word() : Word::of_number(at->second)));
        }
    }
    std::map<Row, double> seen;
    cells.for_each([&](Row row, Word word) { seen[row] = word.number(); });
    RC_ASSERT(seen == model);
}

TEST(SparseCells, OneCellIsSmallAndNoneIsNothing) {
    SparseCells cells;
    cells.set(7, Word::of_code(3));
    EXPECT_EQ(cells.bytes(), sizeof(Row) + sizeof(Word));
    cells.set(7, Word());
    EXPECT_EQ(cells.bytes(), 0u);
}

TEST(SparseCells, GivesMemoryBackWhenCellsGo) {
    SparseCells cells;
    for (Row row = 0; row < 10'000; ++row) cells.set(row * 17, Word::of_code(row + 1));
    const std::size_t most = cells.bytes();
    for (Row row = 100; row < 10'000; ++row) cells.set(row * 17, Word());
    EXPECT_EQ(cells.size(), 100u);
    EXPECT_LT(cells.bytes(), most / 20);
    for (Row row = 0; row < 100; ++row) EXPECT_EQ(cells.find(row * 17), Word::of_code(row + 1));
}

}  // namespace
}  // namespace twinhub::fleet

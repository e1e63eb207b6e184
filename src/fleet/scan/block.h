#pragma once

#include "fleet/scan/bits.h"
#include "fleet/table.h"

#include <algorithm>

namespace twinhub::fleet {

// Some rows of a table that lie side by side: what is looked at in one go.
struct Block {
    Row first = 0;
    std::size_t size = 0;  // at most block_rows; a multiple of 64, as the capacity of tables is

    static Block of(const Table& table, std::size_t index) {
        const std::size_t first = index * block_rows;
        return {static_cast<Row>(first),
                std::min<std::size_t>(block_rows, table.capacity() - first)};
    }
};

}  // namespace twinhub::fleet

#pragma once

#include "fleet/column.h"
#include "fleet/scan/block.h"

#include <cstdint>
#include <span>
#include <vector>

namespace twinhub::fleet {

// The numbers of a column, read in bulk: words as they are, codes through a table that is made once
// for the values of the dictionary.
class NumberTable {
public:
    // The number of each row, NaN where it has something else. `rows` are positions in the block.
    // False when the column's form gives no quick way.
    bool read(const Column& column, const Block& block, std::span<const std::uint16_t> rows,
              std::span<double> numbers);

private:
    template <class Code>
    void read_codes(const Code* codes, std::span<const std::uint16_t> rows,
                    std::span<double> numbers) const {
        for (std::size_t i = 0; i < rows.size(); ++i) numbers[i] = by_code_[codes[rows[i]]];
    }
    bool start(const Dictionary& dictionary);

    const Dictionary* dictionary_ = nullptr;
    std::uint64_t revision_ = 0;
    std::vector<double> by_code_;
};

}  // namespace twinhub::fleet

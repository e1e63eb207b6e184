#pragma once

#include "store/engine.h"

#include <array>
#include <functional>
#include <map>
#include <string>

namespace twinhub::store::memory {

using Table = std::map<std::string, std::string, std::less<>>;

// What the families hold at one moment.
struct Tables {
    std::array<Table, family_count> families;

    Table& of(Family family) { return families[static_cast<std::size_t>(family)]; }
    const Table& of(Family family) const { return families[static_cast<std::size_t>(family)]; }
    void apply(const Batch& batch);
};

// Walks the part of a table inside a range. `keep_alive` holds the table while the cursor lives.
std::unique_ptr<Cursor> make_cursor(std::shared_ptr<const void> keep_alive, const Table& table,
                                    Range range, std::function<Result<>()> readable);

}  // namespace twinhub::store::memory

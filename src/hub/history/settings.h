#pragma once

#include <cstdint>

namespace twinhub::hub {

// What one query AS OF an earlier moment may undo, over all shards.
struct AsOfSettings {
    std::uint64_t twins_max = 200'000;      // that have changed since
    std::uint64_t changes_max = 5'000'000;  // of them
};

}  // namespace twinhub::hub

#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "query/value.h"

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace twinhub::hub {

class Shard;

inline constexpr std::size_t type_count = 7;

// What is known of a path of the devices.
struct PathFacts {
    std::string path;           // tags.site, properties.reported.fw: keys joined by dots
    std::uint64_t devices = 0;  // that have it
    std::array<std::uint64_t, type_count> types{};  // by query::Type
    std::set<std::string> values;                   // as JSON, or as many as are looked at
    bool exact = true;                              // these are all values
    std::uint64_t bytes = 0;                        // of memory that its column takes

    void add(const PathFacts& more);  // of another shard
};

inline constexpr std::size_t fleet_paths_max = 1000;
inline constexpr std::size_t path_values_max = 1000;

// The paths below tags and properties of a shard's devices, without $ keys. On its loop, in slices.
Task<Result<std::vector<PathFacts>>> path_facts(Shard& shard, const Clock& clock);

}  // namespace twinhub::hub

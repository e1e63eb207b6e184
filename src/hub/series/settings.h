#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace twinhub::hub {

// How the fleet stood over time (docs/drift.md).
struct SeriesSettings {
    // Paths, as tags.site or reported.fw, by whose values the series is kept beside that of the
    // whole fleet.
    std::vector<std::string> by;
};

inline constexpr std::size_t series_paths_max = 4;
// Values of a path that have a series of their own; the others are one remainder.
inline constexpr std::size_t series_values_max = 100;

}  // namespace twinhub::hub

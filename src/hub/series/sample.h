#pragma once

#include "base/result.h"
#include "base/time.h"
#include "store/engine.h"
#include "twin/drift/state.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// How the fleet stood in a minute or an hour, and how that is stored.
namespace twinhub::hub {

inline constexpr std::uint16_t series_format = 1;
inline constexpr std::chrono::days series_minutes_kept{7};
inline constexpr std::chrono::days series_hours_kept{400};

// Some devices: how many stood how at the end of a stretch of time, and what happened within it.
struct SeriesCounts {
    std::array<std::uint64_t, twin::drift::state_count> states{};
    std::uint64_t connected = 0;
    std::uint64_t connects = 0;  // within the stretch

    std::uint64_t devices() const;
    bool empty() const { return *this == SeriesCounts{}; }
    void add(const SeriesCounts& more);
    // The stretch goes on with a newer one.
    void follow(const SeriesCounts& next);

    friend bool operator==(const SeriesCounts&, const SeriesCounts&) = default;
};

// All devices, or all of them by the values of a path.
struct SeriesSample {
    struct Group {
        std::string key;  // the value as JSON
        SeriesCounts counts;
        friend bool operator==(const Group&, const Group&) = default;
    };
    SeriesCounts all;           // without a path; else empty
    std::vector<Group> groups;  // by key; those without devices and connects are not there
    SeriesCounts rest;          // devices with other values
    SeriesCounts missing;       // devices without one

    const SeriesCounts* find(std::string_view key) const;
    // The stretch goes on: how it stands is as in `next`, what happened is added up. So it does not
    // matter in how many steps minutes become hours or days.
    void follow(const SeriesSample& next);

    friend bool operator==(const SeriesSample&, const SeriesSample&) = default;
};

// Stretches are numbered by how many of their length lie between 1970 and their begin.
enum class SeriesLevel : char { minute = 'm', hour = 'h' };
std::int64_t series_number(SeriesLevel level, Instant at);
std::chrono::minutes length_of(SeriesLevel level);

// `by`: the path as SeriesPath names it; empty: all devices.
std::string series_key(SeriesLevel level, std::string_view by, std::int64_t number);
// first..last, both included.
store::Range series_range(SeriesLevel level, std::string_view by, std::int64_t first,
                          std::int64_t last);
struct SeriesKey {
    SeriesLevel level = SeriesLevel::minute;
    std::string_view by;  // lies in the key
    std::int64_t number = 0;
};
// Errors: corrupted, which names the record.
Result<SeriesKey> parse_series_key(std::string_view key);

std::string sealed_sample(std::string_view key, const SeriesSample& sample);
// Errors: corrupted, which names the record.
Result<SeriesSample> open_sample(std::string_view key, std::string_view value);

}  // namespace twinhub::hub

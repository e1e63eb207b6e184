#pragma once

#include "base/result.h"
#include "hub/series/sample.h"
#include "hub/series/series_names.h"
#include "store/engine.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// How a series is read back. Functions of the store and a given time.
namespace twinhub::hub {

// Which samples make the steps of an answer.
struct SeriesReading {
    SeriesLevel level = SeriesLevel::minute;
    std::chrono::minutes step{1};
    std::int64_t first_step = 0;  // steps are numbered as stretches are
    std::int64_t steps = 0;
    std::int64_t end_minute = 0;  // the one that runs: it is not counted yet

    Instant from() const;
    Instant until() const;
    std::int64_t first() const { return first_step * (step / length_of(level)); }
    std::int64_t last() const { return (first_step + steps) * (step / length_of(level)) - 1; }
    std::size_t step_of(std::int64_t number) const;
};

// Without a step one that gives about a hundred points. Errors: argument_invalid (a step of parts
// of a minute, or of an hour where only hours are kept; more than `points_max`).
Result<SeriesReading> reading_of(std::chrono::minutes window,
                                 std::optional<std::chrono::minutes> step, Instant now,
                                 std::size_t points_max);

// By step; nothing where nothing is stored. May wait for the disk. Errors: corrupted.
Result<std::vector<std::optional<SeriesSample>>> read_steps(const store::Engine& engine,
                                                            std::string_view by,
                                                            const SeriesReading& reading);

// What a group is in each step. One that is not named there has no devices, unless it may be in the
// remainder: then it is not known.
std::vector<std::optional<SeriesCounts>> line_of(
    const std::vector<std::optional<SeriesSample>>& steps, std::string_view key);
// The groups of all steps, in order.
std::vector<std::string> keys_of(const std::vector<std::optional<SeriesSample>>& steps);

// A condition that is one group's: a path = a value, either side first. Errors: argument_invalid.
struct SeriesCondition {
    SeriesPath path;
    std::string key;  // the value, as SeriesSample::Group names it
};
Result<SeriesCondition> series_condition(std::string_view where);

// Keys of samples that are older than they are kept, `count_max` at most. May wait for the disk.
// Errors: corrupted.
Result<std::vector<std::string>> find_expired_samples(const store::Engine& engine, Instant now,
                                                      std::size_t count_max);

}  // namespace twinhub::hub

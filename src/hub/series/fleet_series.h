#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "hub/series/sample.h"
#include "hub/series/series_names.h"
#include "hub/series/shard_series.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

class Hub;

inline constexpr std::size_t series_points_max = 2000;
inline constexpr std::size_t series_points_by_max = 500;  // with groups

struct SeriesRequest {
    std::chrono::minutes window{std::chrono::hours{6}};
    std::optional<std::chrono::minutes> step;  // nothing: one that gives about a hundred points
    std::string by;                            // one of the paths of the settings; empty: no groups
    std::string where;  // a path of the settings = a value; empty: all devices
};

// Points of time; nothing where none was taken, or where the group was not kept apart.
using SeriesLine = std::vector<std::optional<SeriesCounts>>;

struct FleetSeriesAnswer {
    struct Group {
        std::string key;  // the value as JSON
        SeriesLine line;
    };
    Instant at{};
    Instant from{};   // where the first step begins
    Instant until{};  // where the last minute that is counted ends
    std::chrono::minutes step{};
    std::string by;
    SeriesLine line;            // all devices, or those of `where`
    std::vector<Group> groups;  // by key
    SeriesLine rest, missing;   // with groups
};

// How the fleet stood, minute by minute for a week and hour by hour for a year and more. What each
// loop keeps counted is read when a minute is over, and stored; nothing is scanned for it. A time
// for which nothing is stored has no value: the hub was not there.
//
// Callable on any loop but for load() and tick().
class FleetSeries {
public:
    explicit FleetSeries(Hub& hub);
    ~FleetSeries();

    SeriesNames& names() { return *names_; }

    // Counts the fleet for the first time; when the columns are full and before the loops run.
    // Errors: argument_invalid for the paths of the settings; corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();

    // Errors: argument_invalid: a step that is none, too many points, a path that is not kept, a
    // condition that is not one of a group; corrupted, which names the record.
    Task<Result<FleetSeriesAnswer>> read(SeriesRequest request);

private:
    struct Stored;
    struct Question;

    // Of each path, and of all devices: they come first.
    using Samples = std::vector<SeriesSample>;
    std::string_view by_of(std::size_t index) const;
    Samples samples_of(const std::vector<ShardSeries::Tally>& tallies) const;
    Task<> take(std::int64_t minute);
    void write(std::int64_t minute, const Samples& samples);
    Task<> sweep(Instant now);
    void tell_loss(const Error& why);
    Result<Question> question_of(const SeriesRequest& request) const;

    Hub& hub_;
    Result<> settings_{};
    std::unique_ptr<SeriesNames> names_;
    std::unique_ptr<Stored> stored_;      // since load()
    std::optional<std::int64_t> minute_;  // the one that runs
    std::int64_t hour_ = 0;
    Samples hours_;  // of that hour, as far as it is over
    bool taking_ = false;
    bool sweeping_ = false;
    bool loss_told_ = false;
    Moment next_sweep_{};
};

}  // namespace twinhub::hub

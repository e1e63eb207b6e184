#pragma once

#include "hub/drift/fleet_question.h"
#include "hub/fleet_views/path_facts.h"
#include "hub/hub.h"
#include "twin/drift/state.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

inline constexpr std::size_t group_keys_max = 2;
inline constexpr std::size_t groups_default = 120;
inline constexpr std::size_t groups_max = 1000;
inline constexpr std::size_t values_default = 20;
inline constexpr std::size_t values_max = 1000;

// Some devices and how they stand.
struct DriftOf {
    std::uint64_t devices = 0;
    std::uint64_t connected = 0;
    std::array<std::uint64_t, twin::drift::state_count> states{};

    void add(const DriftOf& more);
    std::uint64_t attention() const;  // stale, drifted and rejected ones
};

struct GroupsRequest {
    enum class Sort : std::uint8_t { attention, devices, key };
    std::vector<std::string> by;  // one or two paths, as queries write them
    std::string where;
    std::size_t limit = groups_default;
    Sort sort = Sort::attention;
    bool times = false;  // costs some more scans
};

// The fleet by the values of some paths.
struct FleetGroups {
    struct Group {
        json::array key;  // of scalars; objects and arrays as they are
        DriftOf drift;
        // Of the devices that have converged, how long 95 of 100 took at most. Nothing: not asked
        // for, or none has.
        std::optional<double> p95_seconds;
    };
    Instant at{};
    std::vector<Group> groups;
    std::uint64_t rest_groups = 0;  // beyond the limit
    DriftOf rest;
    DriftOf missing;  // devices that lack one of the paths
};

struct FleetValues {
    struct Value {
        json::value value;
        std::uint64_t devices = 0;
    };
    Instant at{};
    std::vector<Value> values;  // the commonest first
    std::uint64_t distinct = 0;
    bool exact = true;  // false: there are more
};

// Of seconds; what is beyond counts as the last one.
inline constexpr std::array converge_bounds{1.0,      2.0,       5.0,        10.0,   30.0,
                                            60.0,     300.0,     900.0,      3600.0, 14'400.0,
                                            86'400.0, 604'800.0, 2'592'000.0};

// How long devices took to come to what was last desired of them.
struct Convergence {
    struct Bucket {
        double seconds = 0;  // at most
        std::uint64_t devices = 0;
    };
    Instant at{};
    std::uint64_t devices = 0;    // that came to it within the window
    std::vector<Bucket> buckets;  // rising, each holds those before it
    // About: between the bounds of its bucket in proportion. Nothing: there is no device.
    std::optional<double> quantile(double share) const;
};

// What pages about the fleet ask (console, docs/drift.md). Callable on any loop; all of it reads
// columns alone.
class FleetViews {
public:
    explicit FleetViews(Hub& hub) : hub_(hub) {}

    // Errors: argument_invalid for paths and condition, those of Queries::run.
    Task<Result<FleetGroups>> groups(GroupsRequest request, FleetAsker asker);

    // The values of a path that begin with a text, if one is given.
    Task<Result<FleetValues>> values(std::string path, std::string prefix, std::string where,
                                     std::size_t limit, FleetAsker asker);

    // What there is below tags, desired and reported properties of devices.
    Task<Result<std::vector<PathFacts>>> paths();

    // Of the twins that have a configuration applied, if one is named: modules where it is for
    // modules. Errors: configuration_not_found; those of ask_fleet.
    Task<Result<Convergence>> convergence(std::string where, std::string configuration,
                                          std::chrono::seconds window, FleetAsker asker);

private:
    Hub& hub_;
};

}  // namespace twinhub::hub

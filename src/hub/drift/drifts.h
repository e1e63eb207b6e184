#pragma once

#include "base/task.h"
#include "hub/configurations/wanted_by.h"
#include "hub/drift/shard_drift.h"
#include "hub/drift/wishes.h"
#include "hub/views.h"
#include "query/plan.h"
#include "twin/drift/assessment.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

class Queries;
class Shards;
struct Settings;

// One twin at one moment, with who asked for what is not met.
struct TwinDrift {
    TwinView view;
    twin::drift::Assessment assessment;
    Instant since{};                       // of its state; exact, through restarts
    std::optional<Ticks> converge_time;    // the last time
    std::map<std::uint64_t, Wish> wishes;  // by version of desired
    WantedPaths wanted;                    // of the configurations of now
    Instant at{};
};

// The fleet by states. Counts of all shards, as they were within a moment.
struct FleetDrift {
    Instant at{};
    std::size_t shards = 0;
    std::uint64_t connected = 0;
    DriftCounts counts;
};

// A desired property that some devices have not met.
struct PathDrift {
    std::string path;
    std::array<std::uint64_t, twin::drift::state_count> counts{};
    std::optional<std::string> oldest;  // since when the longest of these twins is in its state
    struct Reason {
        std::string reason, words;  // digits of words as '#', so that equal ones meet
        std::optional<std::int64_t> code;
        std::uint64_t devices = 0;
    };
    std::vector<Reason> reasons;  // the commonest first

    std::uint64_t total() const;
};

// A value that is commoner among the twins asked about than among the others.
struct Factor {
    std::string path;   // tags.… or properties.reported.…
    json::value value;  // null: they do not have it
    double in_set = 0;  // share of those asked about
    double in_baseline = 0;
    std::uint64_t devices = 0;  // of those asked about
    double lift = 0;
    double score = 0;  // in_set less in_baseline: 1 separates them wholly
    std::string condition;
};
struct Why {
    Instant at{};
    std::uint64_t set = 0;
    std::uint64_t baseline = 0;
    std::size_t considered = 0;
    struct Skipped {
        std::string path, why;
    };
    std::vector<Skipped> skipped;
    std::vector<Factor> factors;  // best first
};

// What operators ask about drift. Callable on any loop.
class Drifts {
public:
    // What all of it is charged to, and whether anybody still waits (PageRequest).
    struct Asker {
        std::string principal;
        std::function<bool()> wanted = [] { return true; };
    };
    struct WhyRequest {
        std::string where;     // whose twins are asked about; empty: drifted, rejected and stale
        std::string baseline;  // "converged", "connected" or "all": the twins they are held against
        std::size_t limit = 20;
    };
    Drifts(Shards& shards, Queries& queries, const Settings& settings, const Clock& clock)
        : shards_(shards), queries_(queries), settings_(settings), clock_(clock) {}

    // Errors: device_not_found, module_not_found.
    Task<Result<TwinDrift>> of(TwinId id);
    // Kept counters without a condition; else a query over devices. Errors: argument_invalid for
    // the condition, and those of Queries::run.
    Task<Result<FleetDrift>> summary(std::string where, Asker asker);
    Task<Result<std::vector<PathDrift>>> paths(std::string where, std::size_t limit, Asker asker);
    Task<Result<Why>> why(WhyRequest request, Asker asker);

private:
    using Rows = std::vector<json::object>;
    Task<Result<Rows>> ask(std::string text, std::string where, const Asker& asker);
    Task<Result<std::vector<std::string>>> paths_of(std::vector<query::Segment> root, bool drifted);

    Shards& shards_;
    Queries& queries_;
    const Settings& settings_;
    const Clock& clock_;
};

}  // namespace twinhub::hub

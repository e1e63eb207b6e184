#pragma once

#include "base/task.h"
#include "hub/rollouts/plan_token.h"
#include "hub/rollouts/targets.h"
#include "hub/rollouts/touch.h"
#include "hub/rollouts/zones.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace twinhub::hub {

class Hub;

// A value that a plan would change, and in how many twins.
struct PlannedChange {
    std::string path;  // "properties.desired.fan.speed"
    std::optional<json::value> from, to;
    std::uint64_t devices = 0;
};

// Why some twins could not be changed as planned.
struct PlannedFault {
    std::string kind;  // "size", "rule", "zone"
    std::string message;
    std::string example;  // one of them
    std::uint64_t devices = 0;
};

// Somebody else who writes the same places of some of these twins.
struct PlannedOverlap {
    std::string kind;  // "rollout", "configuration"
    std::string id;
    std::string path;
    std::uint64_t devices = 0;
    std::string note;  // "running"; of a configuration its priority

    friend bool operator==(const PlannedOverlap&, const PlannedOverlap&) = default;
};

// What a rollout would do, with nothing written.
struct RolloutPlan {
    RolloutDocument document;
    std::string token;
    Instant at{};
    std::uint64_t devices = 0, differs = 0, same = 0, offline = 0, failing = 0;
    std::uint64_t unassigned = 0;  // that no wave takes
    bool is_everything = false;
    std::vector<std::uint64_t> waves;
    std::vector<PlannedChange> changes;  // the commonest first
    std::uint64_t other_changes = 0;     // beyond those listed
    std::vector<PlannedFault> faults;
    std::vector<PlannedOverlap> overlaps;
    std::optional<double> converge_seconds;  // 95 of 100 of these devices took no longer last time
    std::optional<double> expected_seconds;  // for all waves, with soak and windows
    std::optional<Instant> ends;
};

// Whom a plan is about.
struct PlanTargets {
    FleetPrint fleet;
    std::vector<std::vector<TwinId>> by_shard;
};

// Looks at every twin of the target. Nothing is written. Errors: those of select_target.
Task<Result<RolloutPlan>> make_plan(Hub& hub, RolloutDocument document,
                                    std::shared_ptr<Zones> zones, RolloutAsker asker,
                                    PlanTargets& targets);

// When the last wave would have passed, by clocks that were seen and how long devices take: pure.
Instant expected_end(const RolloutDocument& document, const std::vector<TimeZone>& zones,
                     double converge_seconds, Instant start);

}  // namespace twinhub::hub

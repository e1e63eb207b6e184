#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "hub/rollouts/document.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// How far a fleet may move between a plan and its start.
inline constexpr double plan_moved_max = 0.02;

// Which devices a plan hit, small enough to be carried by the plan: by it can be said how many came
// and went since, exactly for few and within some percent for many.
class FleetPrint {
public:
    FleetPrint() = default;  // of no device
    static FleetPrint of(const std::vector<TwinId>& devices);

    std::uint64_t devices() const { return devices_; }
    // Came and went, as a share of those that were there then; above 1 when all are others.
    double moved(const std::vector<TwinId>& now) const;

    std::string bytes() const;
    static Result<FleetPrint> parse(std::string_view bytes);

    friend bool operator==(const FleetPrint&, const FleetPrint&) = default;

private:
    static constexpr std::size_t bucket_count = 1024;
    void fill(const std::vector<TwinId>& devices);

    std::uint64_t devices_ = 0;
    std::uint32_t sampled_shift_ = 0;  // one device of 2^shift counts
    std::array<std::uint16_t, bucket_count> buckets_{};
};

// What a plan promises.
struct PlanFacts {
    RolloutDocument document;
    FleetPrint fleet;
    Instant at{};
    bool is_everything = false;  // the target hits every device that there is
};

// A text that only this hub can have made: the plan, signed with its key.
std::string sign_plan(const PlanFacts& facts, std::string_view key);
// Errors: argument_invalid for anything that is not a plan of this hub.
Result<PlanFacts> read_plan(std::string_view text, std::string_view key);

}  // namespace twinhub::hub

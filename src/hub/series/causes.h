#pragma once

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

class Hub;

inline constexpr std::size_t series_causes_max = 100;

// Work over the fleet that began: what a series may have bent for.
struct SeriesCause {
    Instant at{};
    std::string kind;  // "rollout", "job", "configuration"
    std::string id;
    std::string by;                        // who ordered it
    std::optional<std::uint64_t> devices;  // that it is for, where that is known
};

// The oldest first; of more than `series_causes_max` the newest ones.
struct SeriesCauses {
    std::vector<SeriesCause> causes;
    bool complete = true;
};

// From the records of rollouts, jobs and configurations that are still kept; of jobs the newest
// thousand. Callable on any loop.
Task<Result<SeriesCauses>> series_causes(Hub& hub, Instant from, Instant until);

}  // namespace twinhub::hub

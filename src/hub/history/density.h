#pragma once

#include "base/task.h"
#include "hub/hub.h"

#include <array>
#include <cstdint>
#include <vector>

namespace twinhub::hub {

inline constexpr std::size_t density_buckets_max = 200;

// How much was changed in a stretch of time.
struct DensityBucket {
    Instant from{};
    Instant to{};
    std::array<std::uint64_t, 3> parts{};  // writes of each part, by twin::Part
    std::uint64_t identity = 0;            // created, deleted, status, keys, model

    bool empty() const { return identity == 0 && parts == decltype(parts){}; }
};

// The changes of a twin over the time from its oldest one that is kept until now, in that many
// stretches; oldest first, without those where nothing was. Of more than 20,000 changes the newest
// ones. Callable on any loop.
Task<Result<std::vector<DensityBucket>>> density_of(Hub& hub, TwinId id, std::size_t buckets);

}  // namespace twinhub::hub

#pragma once

#include "store/committer.h"

#include <cstddef>
#include <cstdint>

namespace twinhub::hub {

// Who submits to the committer beside the shards, which have the first streams, and the desks of
// provisioning, one a loop, which have the last. No two may share one: each counts its own losses.
enum class Work : std::uint8_t {
    certificates,
    jobs,
    configurations,
    rollouts,
    routes,
    sessions,
    changes,
    series,
    events
};
inline constexpr std::size_t works = 9;

inline store::Stream stream_of(Work work, std::size_t shards) {
    return static_cast<store::Stream>(shards + static_cast<std::size_t>(work));
}
inline store::Stream stream_of_desk(std::size_t index, std::size_t shards) {
    return static_cast<store::Stream>(shards + works + index);
}

}  // namespace twinhub::hub

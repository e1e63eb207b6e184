#pragma once

#include "base/ids.h"
#include "hub/rollouts/document.h"

#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace twinhub::hub {

inline constexpr std::uint32_t no_wave = ~std::uint32_t{0};

// A device of a rollout, and the wave in which it is told.
struct Assigned {
    TwinId id;
    std::uint32_t wave = no_wave;
};

// Deals the devices to the waves, in an order that follows from their ids and the name of the
// rollout alone: the same devices fall into the same waves, however often they are dealt, and each
// rollout begins with others. `members[i]` are the devices that the condition of wave i selects
// (empty for other kinds). A percentage takes at least one device while there are some. The answer
// is in that order, with what no wave takes at its end.
std::vector<Assigned> deal(const RolloutDocument& document, std::vector<TwinId> devices,
                           const std::vector<std::unordered_set<TwinId>>& members);

// How many devices each wave has.
std::vector<std::uint64_t> wave_sizes(const std::vector<Assigned>& dealt, std::size_t waves);

}  // namespace twinhub::hub

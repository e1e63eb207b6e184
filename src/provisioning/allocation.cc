#include "provisioning/allocation.h"

#include "base/encoding.h"
#include "base/ids.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace twinhub::provisioning {

std::vector<LinkedHub> candidates(std::span<const LinkedHub> linked,
                                  std::span<const std::string> named) {
    std::vector<LinkedHub> found;
    for (const LinkedHub& hub : linked) {
        const bool wanted =
            named.empty() ? hub.applies : std::ranges::any_of(named, [&](const std::string& name) {
                return equals_ignoring_case(name, hub.host);
            });
        if (wanted && hub.weight > 0) found.push_back(hub);
    }
    return found;
}

// Rendezvous hashing: each hub draws a number by the id, the largest for its weight wins.
std::string allocate_hashed(std::span<const LinkedHub> hubs, std::string_view registration) {
    std::string chosen;
    double best = -std::numeric_limits<double>::infinity();
    for (const LinkedHub& hub : hubs) {
        const std::uint64_t hash =
            stable_hash(ascii_lower(hub.host) + '\0' + std::string(registration));
        // Within (0, 1): neither end may be reached.
        const double draw = (static_cast<double>(hash >> 11) + 0.5) * 0x1.0p-53;
        const double score = static_cast<double>(hub.weight) / -std::log(draw);
        if (score > best) {
            best = score;
            chosen = hub.host;
        }
    }
    return chosen;
}

std::string allocate_least_loaded(std::span<const LinkedHub> hubs, std::string_view current) {
    const LinkedHub* chosen = nullptr;
    for (const LinkedHub& hub : hubs) {
        if (equals_ignoring_case(hub.host, current)) return hub.host;
        // Shares, cross-multiplied: no division.
        if (chosen == nullptr ||
            hub.assigned * chosen->weight < chosen->assigned * std::uint64_t{hub.weight})
            chosen = &hub;
    }
    return chosen == nullptr ? std::string() : chosen->host;
}

}  // namespace twinhub::provisioning

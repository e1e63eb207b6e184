#pragma once

#include "hub/drift/drifts.h"
#include "hub/drift/fleet_question.h"
#include "hub/hub.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace twinhub::hub {

// What a property was before the wish that is not met.
struct Earlier {
    json::value value;      // that was desired, and that the device had come to
    Ticks converged_for{};  // until the wish; at least so long when older changes are forgotten
};

// Devices that stand as one does.
struct LikeThis {
    std::uint64_t devices = 0;
    std::string where;  // a condition for queries
};

// How a twin stood, and what came before. Callable on any loop; reads run on the pool.
class DriftPast {
public:
    explicit DriftPast(Hub& hub) : hub_(hub) {}

    // By the documents of that moment, the policy of today, and what is remembered of the device's
    // connections. Errors: those of History::at.
    Task<Result<TwinDrift>> at(TwinId id, Instant at);

    // Of the properties that are not converged, by path; those that were not converged before, and
    // those of which it is forgotten, are not there.
    Task<Result<std::map<std::string, Earlier>>> earlier(const TwinDrift& now);

    // Nothing: it has converged, or has nothing to come to.
    Task<Result<std::optional<LikeThis>>> like_this(const TwinDrift& now, FleetAsker asker);

private:
    Hub& hub_;
};

}  // namespace twinhub::hub

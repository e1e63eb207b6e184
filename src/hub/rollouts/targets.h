#pragma once

#include "base/task.h"
#include "hub/rollouts/waves.h"

#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace twinhub::hub {

class Hub;
struct Settings;

// Whom a condition selects, in pages, so that nothing is held for long.
struct Selected {
    std::vector<TwinId> ids;
    std::uint64_t offline = 0;
    std::vector<double> converge_seconds;  // how long they took the last time, where that is known
};

// Who asks, and whether anybody still waits.
struct RolloutAsker {
    std::string principal;
    std::function<bool()> wanted = [] { return true; };
};

// Whom a document's target selects. Errors: those of target_plan and of Queries::run;
// argument_invalid for more devices than a rollout may have.
Task<Result<Selected>> select_target(Hub& hub, const RolloutDocument& document, RolloutAsker asker);

// Whether the target is over modules.
bool query_is_of_modules(const RolloutDocument& document, const Settings& settings);

// The same devices, dealt to the waves.
Task<Result<std::vector<Assigned>>> deal_target(Hub& hub, const RolloutDocument& document,
                                                std::vector<TwinId> devices, RolloutAsker asker);

}  // namespace twinhub::hub

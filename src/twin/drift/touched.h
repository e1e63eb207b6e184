#pragma once

#include "twin/change.h"
#include "twin/drift/policy.h"

#include <string>
#include <vector>

namespace twinhub::twin::drift {

// Which properties a change can have made stand otherwise.
struct Touched {
    bool all = false;                // then every one, and paths are empty
    std::vector<std::string> paths;  // in the order of their keys, each once
};

Touched touched_properties(const Twin& was, const Twin& is, const Change& change,
                           const TwinPolicy& old_policy, const TwinPolicy& new_policy,
                           const Policy& policy, bool is_edge_runtime);

}  // namespace twinhub::twin::drift

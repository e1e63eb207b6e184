#pragma once

#include "base/ids.h"
#include "base/json.h"
#include "hub/author.h"

#include <string>

namespace twinhub::hub {

// Who changed a twin, as all answers show it; what is not known is left out:
// kind       what made the change: "rest", "job", "rollout", ...: a cause
// id         of the job, configuration, rollout or enrollment, or of the device that reported
// module     that reported
// version    of the configuration, a number
// principal  the policy that the change was made with
// person     in whose name it was made: of jobs, configurations and rollouts who ordered them
// change, reason, requestId, client  (its address)
json::object author_json(const Author& author, const TwinId& changed);
void append_author(std::string& out, const Author& author, const TwinId& changed);

}  // namespace twinhub::hub

#pragma once

#include "base/json.h"
#include "hub/rollouts/rollouts.h"

#include <string>

// Rollouts as services read them (docs/rollouts.md).
namespace twinhub::gateway::http {

json::object rollout_json(const hub::RolloutView& view);
// The same without its document and its log: a line of a list.
json::object rollout_summary_json(const hub::RolloutView& view);
json::object plan_json(const hub::RolloutPlan& plan);
json::object devices_json(const hub::RolloutDevicePage& page);

}  // namespace twinhub::gateway::http

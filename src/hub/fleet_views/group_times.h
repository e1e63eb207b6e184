#pragma once

#include "hub/drift/fleet_question.h"
#include "hub/fleet_views/fleet_views.h"

#include <map>
#include <string>

namespace twinhub::hub {

// How long the devices of each group took that have converged, by the text of the group's key. A
// scan for each bound until nearly all devices of all groups have come. Errors: those of ask_fleet.
Task<Result<std::map<std::string, Convergence>>> group_times(Queries& queries,
                                                             std::vector<std::string> paths,
                                                             std::string where, FleetAsker asker,
                                                             std::size_t rows_max);

// The key of a group in a row whose columns k0, k1, .. are its paths; nothing: one is missing.
std::optional<json::array> group_key(const json::object& row, std::size_t paths);
std::string key_text(const json::array& key);

}  // namespace twinhub::hub

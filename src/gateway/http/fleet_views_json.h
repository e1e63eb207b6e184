#pragma once

#include "hub/fleet_views/fleet_views.h"

#include <string>
#include <vector>

// Views of the fleet as JSON (docs/drift.md).
namespace twinhub::gateway::http {

void append_groups(std::string& out, const hub::FleetGroups& groups);
void append_values(std::string& out, const hub::FleetValues& values);
void append_path_facts(std::string& out, const std::vector<hub::PathFacts>& paths, Instant at);
void append_convergence(std::string& out, const hub::Convergence& convergence,
                        const hub::Convergence& baseline);

}  // namespace twinhub::gateway::http

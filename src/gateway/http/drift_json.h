#pragma once

#include "hub/drift/drifts.h"

#include <string>

// What the hub says about drift, as JSON (docs/drift.md).
namespace twinhub::gateway::http {

void append_drift(std::string& out, const hub::TwinDrift& drift);
void append_summary(std::string& out, const hub::FleetDrift& fleet);
void append_paths(std::string& out, const std::vector<hub::PathDrift>& paths, Instant at);
void append_why(std::string& out, const hub::Why& why);

}  // namespace twinhub::gateway::http

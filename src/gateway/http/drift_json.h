#pragma once

#include "hub/drift/drift_past.h"
#include "hub/drift/drifts.h"

#include <map>
#include <optional>
#include <string>

// What the hub says about drift, as JSON (docs/drift.md).
namespace twinhub::gateway::http {

// What is known beside how a twin stands now.
struct DriftExtras {
    std::map<std::string, hub::Earlier> earlier;  // by property
    std::optional<hub::LikeThis> like_this;
};
// Of the past when it has no identity: then what is not known of the connection is left out.
void append_drift(std::string& out, const hub::TwinDrift& drift, const DriftExtras& extras);
void append_summary(std::string& out, const hub::FleetDrift& fleet);
void append_paths(std::string& out, const std::vector<hub::PathDrift>& paths, Instant at);
void append_why(std::string& out, const hub::Why& why);

}  // namespace twinhub::gateway::http

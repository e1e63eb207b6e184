#pragma once

#include "hub/connections/connections.h"

#include <string>

// Connections as JSON (docs/connections.md).
namespace twinhub::gateway::http {

void append_sessions(std::string& out, const TwinId& id, const hub::SessionsOf& sessions);
void append_connections(std::string& out, const hub::ConnectionSummary& summary,
                        std::size_t shards);

}  // namespace twinhub::gateway::http

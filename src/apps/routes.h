#pragma once

#include "apps/config/config.h"
#include "gateway/outgoing/outgoing.h"
#include "gateway/routes/routes.h"
#include "hub/hub.h"

#include <memory>

namespace twinhub::apps {

// What the routes of a server stand on, beside their seams; all of one loop.
struct RouteGround {
    hub::Hub& hub;
    gateway::Outgoing& outgoing;
    Executor pool;
};

// Whether a route names the sink: then it gets what that brings, and nothing else.
bool is_of_a_route(const Config& config, const SinkConfig& sink);

// The routes of the configuration with their sinks, not started yet. Errors: what is wrong with a
// secret file, an address or a setting of a sink; corrupted, for the places that are stored.
Result<std::unique_ptr<gateway::Routes>> make_routes(const Config& config,
                                                     const RouteGround& ground,
                                                     const gateway::RouteSeams& seams);

}  // namespace twinhub::apps

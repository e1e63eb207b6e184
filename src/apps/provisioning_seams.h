#pragma once

#include "apps/serving_loop.h"
#include "provisioning/provisioning.h"

#include <memory>
#include <vector>

namespace twinhub::apps {

// What the provisioning service needs of the world: whom the hub trusts, requests to others, time.
// Both outlive the service.
provisioning::Provisioning::Seams provisioning_seams(
    hub::Hub& hub, const std::vector<std::unique_ptr<ServingLoop>>& loops);

}  // namespace twinhub::apps

#pragma once

#include "apps/config/config.h"
#include "base/result.h"
#include "provisioning/settings.h"

#include <string>
#include <vector>

namespace twinhub::apps {

// The hubs that devices are assigned to: each "NAME" or "NAME=WEIGHT", all of them names of this
// hub; this hub when there is none. Errors: argument_invalid.
Result<std::vector<provisioning::LinkedHub>> linked_hubs(const Config& config);

// Errors: as linked_hubs.
Result<provisioning::Settings> provisioning_settings(const Config& config, std::string id_scope);

}  // namespace twinhub::apps

#pragma once

#include "apps/cli/context.h"

#include <vector>

namespace twinhub::apps::cli {

// `twinhub dps linked-hub create|list|show|update|delete`.
void add_linked_hub_commands(std::vector<Command>& commands);

}  // namespace twinhub::apps::cli

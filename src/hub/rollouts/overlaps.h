#pragma once

#include "hub/rollouts/plan.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::hub {

class Configurations;
class Shard;

// Whether two places of a twin are one, or one is above the other: "properties.desired.fan" and
// "properties.desired.fan.speed".
bool places_overlap(std::string_view a, std::string_view b);

// Which automatic configurations that target a twin write some places of it. For the many twins of
// one shard, on its loop.
class ConfigurationOverlaps {
public:
    ConfigurationOverlaps(Shard& shard, const Configurations& configurations,
                          const std::vector<std::string>& paths)
        : shard_(shard), configurations_(configurations), paths_(paths) {}

    void find(const TwinId& id, std::vector<PlannedOverlap>& out);

private:
    const std::vector<PlannedOverlap>& of(std::string_view configuration, const TwinId& id);

    Shard& shard_;
    const Configurations& configurations_;
    const std::vector<std::string>& paths_;
    // By configuration and, for a deployment, module.
    std::map<std::pair<std::string, std::string>, std::vector<PlannedOverlap>> known_;
};

}  // namespace twinhub::hub

#include "hub/rollouts/overlaps.h"

#include "hub/configurations/configurations.h"
#include "hub/configurations/shard_configurations.h"
#include "hub/shard.h"

#include <algorithm>

namespace twinhub::hub {

bool places_overlap(std::string_view a, std::string_view b) {
    if (a.size() > b.size()) std::swap(a, b);
    return b.starts_with(a) && (a.size() == b.size() || b[a.size()] == '.');
}

const std::vector<PlannedOverlap>& ConfigurationOverlaps::of(std::string_view configuration,
                                                             const TwinId& id) {
    const std::string module = id.is_module() ? id.module.text() : std::string();
    const auto [known, is_new] = known_.try_emplace({std::string(configuration), module});
    if (!is_new) return known->second;
    const auto found = configurations_.get(configuration);
    if (!found) return known->second;
    const Content& content = (*found)->content;
    const TwinSettings* settings = &content.settings;
    if (content.kind == ContentKind::edge) {
        const auto of_module = content.modules.find(module);
        if (of_module == content.modules.end()) return known->second;
        settings = &of_module->second;
    }
    for (const Setting& setting : *settings) {
        const std::string place = place_of(setting);
        for (const std::string& path : paths_)
            if (places_overlap(place, path))
                known->second.push_back({"configuration", std::string(configuration), path, 0,
                                         "priority " + std::to_string((*found)->priority)});
    }
    return known->second;
}

void ConfigurationOverlaps::find(const TwinId& id, std::vector<PlannedOverlap>& out) {
    const auto shown = shard_.configurations().shown(id);
    if (!shown) return;
    for (const twin::Member& member : shown->members)
        std::ranges::copy(of(member.key, id), std::back_inserter(out));
}

}  // namespace twinhub::hub

#include "hub/configurations/configuration_set.h"

#include <algorithm>
#include <set>

namespace twinhub::hub {
namespace {

struct Deployment {
    const Configuration* configuration = nullptr;
    bool counts = false;
};

std::vector<Deployment> deployments_for(const ConfigurationSet& set, const EdgeDevice& edge,
                                        Instant now) {
    std::vector<Deployment> found;
    for (const RankedConfiguration* each : set.ranked())
        if (each->configuration->content.kind == ContentKind::edge &&
            each->target->matches(edge.id, edge.twin, now))
            found.push_back({each->configuration.get()});
    const auto base = std::ranges::find_if(
        found, [](const Deployment& each) { return !each.configuration->content.is_layered(); });
    // Layers without a whole deployment below them have nothing to lie on.
    if (base == found.end()) return found;
    for (auto each = found.begin(); each <= base; ++each) each->counts = true;
    return found;
}

}  // namespace

ConfigurationSet::ConfigurationSet(std::map<std::string, RankedConfiguration, std::less<>> by_id)
    : by_id_(std::move(by_id)) {
    for (const auto& [id, each] : by_id_) {
        ranked_.push_back(&each);
        has_deployments_ |= each.configuration->content.kind == ContentKind::edge;
    }
    std::ranges::sort(ranked_, [](const auto* a, const auto* b) {
        return outranks(*a->configuration, *b->configuration);
    });
}

const RankedConfiguration* ConfigurationSet::find(std::string_view id) const {
    const auto found = by_id_.find(id);
    return found != by_id_.end() ? &found->second : nullptr;
}

std::vector<Claim> claims_on(const ConfigurationSet& set, const TwinId& id, const twin::Twin& twin,
                             const EdgeDevice* edge, Instant now) {
    std::vector<Deployment> deployments;
    if (edge != nullptr && set.has_deployments()) deployments = deployments_for(set, *edge, now);
    std::vector<Claim> claims;
    for (const RankedConfiguration* each : set.ranked()) {
        const Configuration& configuration = *each->configuration;
        const Content& content = configuration.content;
        Claim claim{configuration.id, configuration.revision, &content.settings};
        if (content.kind == ContentKind::edge) {
            const auto found =
                std::ranges::find(deployments, &configuration, &Deployment::configuration);
            const auto settings = content.modules.find(id.module.text());
            if (found == deployments.end() || settings == content.modules.end()) continue;
            claim.settings = found->counts ? &settings->second : nullptr;
        } else if ((content.kind == ContentKind::module) != id.is_module() ||
                   !each->target->matches(id, twin, now)) {
            continue;
        }
        claims.push_back(claim);
    }
    return claims;
}

std::vector<std::string> modules_needed(const ConfigurationSet& set, const EdgeDevice& edge,
                                        Instant now) {
    std::set<std::string> names;
    for (const Deployment& each : deployments_for(set, edge, now))
        if (each.counts)
            for (std::string& name : each.configuration->content.module_ids())
                names.insert(std::move(name));
    return {names.begin(), names.end()};
}

}  // namespace twinhub::hub

#include "hub/configurations/wanted_by.h"

#include "hub/configurations/configuration_set.h"
#include "twin/drift/paths.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

const TwinSettings* settings_of(const Claim& claim, const Configuration& configuration,
                                const TwinId& id) {
    if (claim.settings != nullptr) return claim.settings;
    const auto found = configuration.content.modules.find(id.module.text());
    return found != configuration.content.modules.end() ? &found->second : nullptr;
}

const json::value* find(const json::object& document, const Keys& keys) {
    const json::object* parent = &document;
    const json::value* found = nullptr;
    for (const std::string& key : keys) {
        found = parent != nullptr ? parent->if_contains(key) : nullptr;
        if (found == nullptr) return nullptr;
        parent = found->if_object();
    }
    return found;
}

// Whether something at these keys or below them is from the claim.
bool has_place(const Leaves& leaves, const Keys& keys, std::size_t claim) {
    for (auto at = leaves.lower_bound(keys); at != leaves.end() && starts_with(at->first, keys);
         ++at)
        if (at->second.claim == claim) return true;
    return false;
}

}  // namespace

WantedPaths wanted_by(const ConfigurationSet& set, std::span<const Claim> claims, const TwinId& id,
                      std::span<const std::string> paths) {
    WantedPaths wanted;
    if (paths.empty()) return wanted;
    const Leaves leaves = merge(claims);
    for (std::size_t i = 0; i < claims.size(); ++i) {
        const RankedConfiguration* const known = set.find(claims[i].configuration);
        if (known == nullptr) continue;
        const Configuration& configuration = *known->configuration;
        const TwinSettings* const settings = settings_of(claims[i], configuration, id);
        if (settings == nullptr) continue;
        const json::object document = document_of(*settings);
        for (const std::string& path : paths) {
            const twin::drift::Keys views = twin::drift::keys_of(path);
            const Keys keys(views.begin(), views.end());
            if (const json::value* const value = find(document, keys))
                wanted[path].push_back({configuration.id, configuration.etag_number,
                                        configuration.priority, *value,
                                        has_place(leaves, keys, i)});
        }
    }
    return wanted;
}

}  // namespace twinhub::hub

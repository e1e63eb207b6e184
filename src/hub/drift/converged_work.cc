#include "hub/drift/converged_work.h"

#include "twin/drift/paths.h"

#include <algorithm>
#include <map>

namespace twinhub::hub {

using DriftState = twin::drift::State;

std::vector<ConvergedConfiguration> converged_configurations(
    const Applied& applied, const std::vector<twin::drift::Moved>& moved,
    const twin::drift::Judge& judge, Instant at) {
    std::map<std::string_view, Instant> met;  // the oldest wish of each
    for (const twin::drift::Moved& one : moved) {
        if (!one.is_leaf || !one.was || one.is != DriftState::converged || !one.desired_at ||
            *one.desired_at > at)
            continue;
        const twin::drift::Keys keys = twin::drift::keys_of(one.path);
        const auto by = std::ranges::find_if(applied.contributions, [&](const auto& each) {
            return std::ranges::equal(each.keys, keys);
        });
        if (by == applied.contributions.end()) continue;
        const auto [known, is_new] = met.try_emplace(by->configuration, *one.desired_at);
        if (!is_new) known->second = std::min(known->second, *one.desired_at);
    }
    std::vector<ConvergedConfiguration> found;
    for (const auto& [configuration, wished] : met) {
        const bool all = std::ranges::all_of(applied.contributions, [&](const auto& each) {
            if (each.configuration != configuration) return true;
            std::string path;
            for (std::size_t depth = 0; depth < each.keys.size(); ++depth)
                twin::drift::append_key(path, depth, each.keys[depth]);
            return std::ranges::all_of(judge.at(path), [](const auto& property) {
                return property.verdict.state == DriftState::converged;
            });
        });
        if (!all) continue;
        const std::chrono::duration<double> took = at - wished;
        found.push_back({std::string(configuration), took.count()});
    }
    return found;
}

}  // namespace twinhub::hub

#include "hub/configurations/settlement.h"

#include <algorithm>
#include <map>
#include <vector>

namespace twinhub::hub {
namespace {

const twin::Node* find(const twin::Node& root, const Keys& keys) {
    const twin::Node* node = &root;
    for (const std::string& key : keys) {
        node = node->find(key);
        if (node == nullptr) return nullptr;
    }
    return node;
}

bool holds(const twin::Node* node, const json::value& value) {
    if (node == nullptr) return value.is_null();
    // To merge an empty object into one changes nothing.
    if (value.is_object()) return node->is_object();
    return !node->is_object() && node->leaf() == value;
}

// Whether it still is exactly what was written there.
bool is_ours(const twin::Node* node, const json::value& value) {
    if (node == nullptr) return false;
    if (value.is_object()) return node->is_object() && node->object().members.empty();
    return !node->is_object() && node->leaf() == value;
}

void put(json::object& patch, const Keys& keys, json::value value) {
    json::object* parent = &patch;
    for (std::size_t i = 0; i + 1 < keys.size(); ++i) {
        json::value& below = (*parent)[keys[i]];
        if (!below.is_object()) below.emplace_object();
        parent = &below.get_object();
    }
    (*parent)[keys.back()] = std::move(value);
}

// Whether a value is wanted at these keys or below them.
bool is_wanted(const Leaves& leaves, const Keys& keys) {
    for (auto at = leaves.lower_bound(keys); at != leaves.end() && starts_with(at->first, keys);
         ++at)
        if (!at->second.value.is_null()) return true;
    return false;
}

// Somebody wants another value in this place, or above it: writing that takes this one away.
bool is_covered(const Leaves& leaves, const Keys& keys) {
    if (is_wanted(leaves, keys)) return true;
    Keys above;
    for (const std::string& key : keys) {
        above.push_back(key);
        const auto found = leaves.find(above);
        if (found != leaves.end() && !found->second.value.is_object()) return true;
    }
    return false;
}

using Contributions = std::map<Keys, const json::value*>;

// Whether all that stands there was written by configurations.
bool is_all_ours(const Contributions& ours, const twin::Node& node, Keys& keys) {
    const auto found = ours.find(keys);
    if (found != ours.end() && is_ours(&node, *found->second)) return true;
    if (!node.is_object() || node.object().members.empty()) return false;
    return std::ranges::all_of(node.object().members, [&](const twin::Member& member) {
        keys.push_back(member.key);
        const bool all = is_all_ours(ours, member.node, keys);
        keys.pop_back();
        return all;
    });
}

// Places that are to go.
struct Going {
    bool whole = false;
    std::map<std::string, Going, std::less<>> below;
};

// Collects what goes; an object of which nothing would be left, and that nobody wants, goes with
// it. Says whether `node` does.
bool take_away(const Going& going, const twin::Node& node, const Leaves& leaves, Keys& keys,
               std::vector<Keys>& gone) {
    if (going.whole) return true;
    std::size_t left = node.object().members.size();
    std::vector<Keys> parts;
    for (const auto& [key, below] : going.below) {
        const twin::Node* member = node.find(key);
        keys.push_back(key);
        if (take_away(below, *member, leaves, keys, parts)) {
            parts.push_back(keys);
            --left;
        }
        keys.pop_back();
    }
    if (left == 0 && !keys.empty() && !is_wanted(leaves, keys)) return true;
    gone.insert(gone.end(), parts.begin(), parts.end());
    return false;
}

}  // namespace

Settlement settle(const twin::Node& desired, const Applied& before, std::span<const Claim> claims,
                  const LeavingRules& rules) {
    Settlement result;
    const Leaves leaves = merge(claims);
    Contributions ours;
    for (const Applied::Contribution& each : before.contributions) ours[each.keys] = &each.value;
    Going going;
    const auto let_go = [&going](const Keys& keys) {
        Going* place = &going;
        for (const std::string& key : keys) place = &place->below[key];
        place->whole = true;
    };

    std::vector<bool> owns(claims.size(), false);
    std::size_t first = claims.size();  // of those that the patch serves
    for (const auto& [keys, leaf] : leaves) {
        owns[leaf.claim] = true;
        if (!leaf.value.is_null())
            result.next.contributions.push_back(
                {keys, leaf.value, std::string(claims[leaf.claim].configuration)});
        const twin::Node* node = find(desired, keys);
        if (holds(node, leaf.value)) continue;
        first = std::min(first, leaf.claim);
        Keys place = keys;
        if (leaf.value.is_null() && is_all_ours(ours, *node, place)) let_go(keys);
        else put(result.patch, keys, leaf.value);
    }

    const auto may_go = [&](const std::string& configuration) {
        const bool claims_still =
            std::ranges::find(claims, configuration, &Claim::configuration) != claims.end();
        if (claims_still) return true;  // it does not want it any more, or another one hides it
        return rules.exists(configuration) ? rules.remove_on_untarget : rules.remove_on_delete;
    };
    std::string leaver;
    for (const Applied::Contribution& each : before.contributions) {
        if (is_covered(leaves, each.keys) || !is_ours(find(desired, each.keys), each.value) ||
            !may_go(each.configuration))
            continue;
        let_go(each.keys);
        if (leaver.empty()) leaver = each.configuration;
    }
    std::vector<Keys> gone;
    Keys keys;
    take_away(going, desired, leaves, keys, gone);
    for (const Keys& each : gone) put(result.patch, each, nullptr);

    for (std::size_t i = 0; i < claims.size(); ++i) {
        const Claim& claim = claims[i];
        const bool applied = claim.settings != nullptr && (owns[i] || claim.settings->empty());
        result.next.standings.push_back(
            {std::string(claim.configuration), claim.revision, applied});
    }
    std::ranges::sort(result.next.standings, {}, &Applied::Standing::configuration);
    if (first < claims.size()) result.configuration = claims[first].configuration;
    else if (!result.patch.empty()) result.configuration = std::move(leaver);
    return result;
}

Applied unsettled(const Applied& before, const Applied& wanted) {
    Applied next{wanted.standings, before.contributions};
    for (Applied::Standing& standing : next.standings) {
        const Applied::Standing* was = before.find(standing.configuration);
        standing.applied = standing.applied && was != nullptr && was->applied &&
                           was->revision == standing.revision;
    }
    return next;
}

}  // namespace twinhub::hub

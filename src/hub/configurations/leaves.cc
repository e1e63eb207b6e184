#include "hub/configurations/leaves.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

void add(Leaves& leaves, Keys& keys, const json::value& value, std::size_t claim) {
    if (!value.is_object() || (value.get_object().empty() && !keys.empty())) {
        leaves.insert_or_assign(keys, Leaf{value, claim});
        return;
    }
    for (const auto& [key, member] : value.get_object()) {
        keys.emplace_back(key);
        add(leaves, keys, member, claim);
        keys.pop_back();
    }
}

void set(Leaves& leaves, const Setting& setting, std::size_t claim) {
    auto at = leaves.lower_bound(setting.keys);
    while (at != leaves.end() && starts_with(at->first, setting.keys)) at = leaves.erase(at);
    Keys keys;
    for (const std::string& key : setting.keys) {
        keys.push_back(key);
        leaves.erase(keys);
    }
    add(leaves, keys, setting.value, claim);
}

}  // namespace

bool starts_with(const Keys& keys, const Keys& above) {
    return keys.size() >= above.size() && std::equal(above.begin(), above.end(), keys.begin());
}

json::object document_of(const TwinSettings& settings) {
    const Claim claim{"", 0, &settings};
    json::object document;
    for (const auto& [keys, leaf] : merge(std::span(&claim, 1))) {
        json::object* parent = &document;
        for (std::size_t i = 0; i + 1 < keys.size(); ++i) {
            json::value& below = (*parent)[keys[i]];
            if (!below.is_object()) below.emplace_object();
            parent = &below.get_object();
        }
        (*parent)[keys.back()] = leaf.value;
    }
    return document;
}

Leaves merge(std::span<const Claim> claims) {
    Leaves leaves;
    for (std::size_t i = claims.size(); i-- > 0;) {
        if (claims[i].settings == nullptr) continue;
        for (const Setting& setting : *claims[i].settings) set(leaves, setting, i);
    }
    return leaves;
}

}  // namespace twinhub::hub

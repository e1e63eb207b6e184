#pragma once

#include "twin/node.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace twinhub::twin {

// Keys are ordered by their bytes, everywhere.

struct MemberBefore {
    bool operator()(const Member& member, std::string_view key) const { return member.key < key; }
};

inline std::string_view key_of(const json::key_value_pair& entry) {
    return {entry.key().data(), entry.key().size()};
}

// The entries of an object in the order of their keys. They point into the object.
inline std::vector<const json::key_value_pair*> in_key_order(const json::object& object) {
    std::vector<const json::key_value_pair*> entries;
    entries.reserve(object.size());
    for (const json::key_value_pair& entry : object) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(),
              [](const auto* a, const auto* b) { return key_of(*a) < key_of(*b); });
    return entries;
}

}  // namespace twinhub::twin

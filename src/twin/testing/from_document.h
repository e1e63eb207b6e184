#pragma once

#include "base/json.h"
#include "twin/twin.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

// A twin from the document that services read.
namespace twinhub::twin::testing {

inline std::string text_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

inline std::uint64_t number_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr ? value->to_number<std::uint64_t>() : 0;
}

inline Instant time_at(const json::object& object, std::string_view key) {
    return parse_instant(text_at(object, key)).value_or(never);
}

// The values of a section with the stamps of its $metadata.
inline Node node_of(const json::value& value, const json::object* metadata) {
    Stamp stamp;
    if (metadata != nullptr)
        stamp = {time_at(*metadata, "$lastUpdated"), number_at(*metadata, "$lastUpdatedVersion")};
    if (!value.is_object()) return Node(value, stamp);
    std::vector<Member> members;
    std::map<std::string, json::value> sorted;
    for (const auto& [key, member] : value.get_object())
        if (!key.starts_with('$')) sorted.emplace(key, member);
    for (const auto& [key, member] : sorted) {
        const json::value* below = metadata != nullptr ? metadata->if_contains(key) : nullptr;
        members.push_back({key, node_of(member, below ? &below->get_object() : nullptr)});
    }
    return Node(make_object(std::move(members)), stamp);
}

inline Node section_of(const json::object& parts, std::string_view name) {
    const json::value* section = parts.if_contains(name);
    if (section == nullptr) return Node();
    const json::value* metadata = section->get_object().if_contains("$metadata");
    return node_of(*section, metadata != nullptr ? &metadata->get_object() : nullptr);
}

// Without its etag.
inline Twin twin_from(const json::object& document) {
    Twin twin;
    twin.model_id = text_at(document, "modelId");
    twin.versions.version = number_at(document, "version");
    twin.tags = section_of(document, "tags");
    if (const json::value* properties = document.if_contains("properties")) {
        const json::object& parts = properties->get_object();
        twin.desired = section_of(parts, "desired");
        twin.reported = section_of(parts, "reported");
        twin.versions.desired = number_at(parts.at("desired").get_object(), "$version");
        twin.versions.reported = number_at(parts.at("reported").get_object(), "$version");
    }
    return twin;
}

}  // namespace twinhub::twin::testing

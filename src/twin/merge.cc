#include "twin/merge.h"

#include "twin/keys.h"

#include <algorithm>
#include <iterator>

namespace twinhub::twin {

Node merge(const Node& base, const json::object& patch, Stamp stamp, Nested* before) {
    const Object& old = base.object();
    if (before) {
        before->stamp = base.stamp();
        before->members.reserve(patch.size());
    }
    const auto remember = [&](std::string_view key, Undo undo) {
        if (before) before->members.push_back({std::string(key), std::move(undo)});
    };

    std::vector<Member> members;
    members.reserve(old.members.size() + patch.size());
    std::size_t size = old.size;
    auto next = old.members.begin();
    for (const json::key_value_pair* entry : in_key_order(patch)) {
        const std::string_view key = key_of(*entry);
        const json::value& value = entry->value();
        const auto place = std::lower_bound(next, old.members.end(), key, MemberBefore{});
        members.insert(members.end(), next, place);
        const bool present = place != old.members.end() && place->key == key;
        next = present ? std::next(place) : place;

        if (present && value.is_object() && place->node.is_object()) {
            Nested nested;
            Node merged = merge(place->node, value.get_object(), stamp, before ? &nested : nullptr);
            size = size - place->node.size() + merged.size();
            members.push_back({place->key, std::move(merged)});
            remember(key, {std::move(nested)});
            continue;
        }
        if (present) {
            size -= text_size(key) + place->node.size();
            remember(key, {place->node});
        }
        if (value.is_null()) continue;
        if (!present) remember(key, {Absent{}});
        members.push_back({std::string(key), build(value, stamp)});
        size += text_size(key) + members.back().node.size();
    }
    members.insert(members.end(), next, old.members.end());
    return Node(make_object(std::move(members), size), stamp);
}

Result<Node> revert(const Node& now, const Undo& undo) {
    if (const Node* whole = std::get_if<Node>(&undo.was)) return *whole;
    const Nested* nested = std::get_if<Nested>(&undo.was);
    if (nested == nullptr || !now.is_object())
        return failure(Code::corrupted, "The inverse of a change does not fit the twin");

    const Object& current = now.object();
    std::vector<Member> members;
    members.reserve(current.members.size() + nested->members.size());
    auto next = current.members.begin();
    for (const UndoMember& former : nested->members) {
        const auto place =
            std::lower_bound(next, current.members.end(), former.key, MemberBefore{});
        members.insert(members.end(), next, place);
        const bool present = place != current.members.end() && place->key == former.key;
        next = present ? std::next(place) : place;
        if (std::holds_alternative<Absent>(former.undo.was)) continue;
        TRY(Node node,
            revert(present ? place->node : Node(json::value(nullptr), Stamp{}), former.undo));
        members.push_back({former.key, std::move(node)});
    }
    members.insert(members.end(), next, current.members.end());
    return Node(make_object(std::move(members)), nested->stamp);
}

Node write(const Node& root, const Patch& patch, Stamp stamp, Undo* inverse) {
    if (patch.mode() == Patch::Mode::merge) {
        if (inverse == nullptr) return merge(root, patch.body(), stamp, nullptr);
        return merge(root, patch.body(), stamp, &inverse->was.emplace<Nested>());
    }
    if (inverse) inverse->was = root;
    return build(patch.body(), stamp);
}

}  // namespace twinhub::twin

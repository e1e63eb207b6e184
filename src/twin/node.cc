#include "twin/node.h"

#include "twin/keys.h"

#include <algorithm>

namespace twinhub::twin {

Node::Node() : object_(Object::empty()) {}
Node::Node(json::value leaf, Stamp stamp) : stamp_(stamp), leaf_(std::move(leaf)) {}
Node::Node(std::shared_ptr<const Object> object, Stamp stamp)
    : stamp_(stamp), object_(std::move(object)) {}

Node Node::with_stamp(Stamp stamp) const {
    Node copy = *this;
    copy.stamp_ = stamp;
    return copy;
}

std::size_t Node::size() const { return object_ ? object_->size : value_size(leaf_); }

const Node* Node::find(std::string_view key) const {
    return object_ ? object_->find(key) : nullptr;
}

json::value Node::to_json() const {
    if (!object_) return leaf_;
    json::object values;
    values.reserve(object_->members.size());
    for (const Member& member : object_->members) values.emplace(member.key, member.node.to_json());
    return values;
}

bool operator==(const Node& a, const Node& b) {
    if (a.stamp_ != b.stamp_ || a.is_object() != b.is_object()) return false;
    if (!a.is_object()) return a.leaf_ == b.leaf_;
    return a.object_ == b.object_ || a.object_->members == b.object_->members;
}

const Node* Object::find(std::string_view key) const {
    const auto found = std::lower_bound(members.begin(), members.end(), key, MemberBefore{});
    return found != members.end() && found->key == key ? &found->node : nullptr;
}

const std::shared_ptr<const Object>& Object::empty() {
    static const auto object = std::make_shared<const Object>();
    return object;
}

std::shared_ptr<const Object> make_object(std::vector<Member> members) {
    std::size_t size = 0;
    for (const Member& member : members) size += text_size(member.key) + member.node.size();
    return make_object(std::move(members), size);
}

std::shared_ptr<const Object> make_object(std::vector<Member> members, std::size_t size) {
    if (members.empty()) return Object::empty();
    auto object = std::make_shared<Object>();
    object->members = std::move(members);
    object->size = size;
    return object;
}

Node build(const json::value& value, Stamp stamp) {
    if (!value.is_object()) return Node(value, stamp);
    std::vector<Member> members;
    const std::vector<const json::key_value_pair*> named = in_key_order(value.get_object());
    members.reserve(named.size());
    for (const json::key_value_pair* entry : named) {
        if (entry->value().is_null()) continue;
        members.push_back({std::string(key_of(*entry)), build(entry->value(), stamp)});
    }
    return Node(make_object(std::move(members)), stamp);
}

std::size_t text_size(std::string_view text) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x20 || (byte & 0xc0) == 0x80) continue;  // C0, or inside a character
        if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0)
            continue;  // C1
        ++size;
    }
    return size;
}

std::size_t value_size(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return 0;
        case json::kind::bool_: return 4;
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_: return 8;
        case json::kind::string:
            return text_size({value.get_string().data(), value.get_string().size()});
        case json::kind::array: {
            std::size_t size = 0;
            for (const json::value& element : value.get_array()) size += value_size(element);
            return size;
        }
        case json::kind::object: {
            std::size_t size = 0;
            for (const json::key_value_pair& entry : value.get_object())
                size += text_size(key_of(entry)) + value_size(entry.value());
            return size;
        }
    }
    return 0;
}

}  // namespace twinhub::twin

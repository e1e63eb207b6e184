#pragma once

#include "base/json.h"
#include "base/time.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::twin {

// When a node was last written, and by which version of desired (0: none; always 0 in reported).
// In tags, which have no metadata, every stamp stays the default one.
struct Stamp {
    Instant updated{};
    std::uint64_t version = 0;

    friend bool operator==(const Stamp&, const Stamp&) = default;
};

struct Object;

// One value of a section with its metadata inside, so that the two cannot disagree (spec
// twin-document 2): an object, or a leaf. A leaf is a string, number, boolean or a whole array,
// never null. Immutable and shared: copying a node copies at most one leaf.
class Node {
public:
    Node();  // an empty object with the default stamp
    Node(json::value leaf, Stamp stamp);
    Node(std::shared_ptr<const Object> object, Stamp stamp);

    bool is_object() const { return object_ != nullptr; }
    const Object& object() const { return *object_; }  // only when is_object()
    const json::value& leaf() const { return leaf_; }  // only when not is_object()
    const Stamp& stamp() const { return stamp_; }
    Node with_stamp(Stamp stamp) const;

    // What the value counts towards its section's limit (spec twin-document 6). O(1) for objects.
    std::size_t size() const;

    // The child of that name; nullptr when there is none or this is a leaf.
    const Node* find(std::string_view key) const;

    // The values without metadata.
    json::value to_json() const;

    // Same values and same stamps, at every level.
    friend bool operator==(const Node& a, const Node& b);

private:
    Stamp stamp_;
    json::value leaf_;
    std::shared_ptr<const Object> object_;
};

struct Member {
    std::string key;
    Node node;

    friend bool operator==(const Member&, const Member&) = default;
};

// The members of an object in the order of their keys' bytes, each key once.
struct Object {
    std::vector<Member> members;
    std::size_t size = 0;  // counted as in spec twin-document 6: keys and values

    const Node* find(std::string_view key) const;
    static const std::shared_ptr<const Object>& empty();
};

// Takes members already in order and counts their size, or trusts the size given.
std::shared_ptr<const Object> make_object(std::vector<Member> members);
std::shared_ptr<const Object> make_object(std::vector<Member> members, std::size_t size);

// Builds the tree of a value, every node with the same stamp. Null members are left out; nulls in
// arrays must have been refused before.
Node build(const json::value& value, Stamp stamp);

// Spec twin-document 6: Unicode characters except C0 and C1 controls.
std::size_t text_size(std::string_view text);
// A string its characters, a number 8, a boolean 4, an object or array its content, null 0.
std::size_t value_size(const json::value& value);

}  // namespace twinhub::twin

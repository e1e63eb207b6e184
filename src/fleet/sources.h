#pragma once

#include "query/value.h"
#include "twin/flat_twin.h"
#include "twin/twin.h"

#include <string_view>

// The two shapes in which a table is given twins, in one set of words.
namespace twinhub::fleet {

class TreeNode {
public:
    explicit TreeNode(const twin::Node& node) : node_(&node) {}

    bool is_object() const { return node_->is_object(); }
    bool is_empty_object() const { return is_object() && node_->object().members.empty(); }
    // Of an object the mark.
    query::Value value() const {
        return is_object() ? query::Value::object_mark() : query::Value::of(node_->leaf());
    }
    // visit(key, node) in key order; only of an object.
    template <class Visit>
    void for_each_member(Visit&& visit) const {
        for (const twin::Member& member : node_->object().members)
            visit(std::string_view(member.key), TreeNode(member.node));
    }

private:
    const twin::Node* node_;
};

// An object by itself.
class ObjectNode {
public:
    explicit ObjectNode(const twin::Object& object) : object_(&object) {}

    bool is_object() const { return true; }
    query::Value value() const { return query::Value::object_mark(); }
    template <class Visit>
    void for_each_member(Visit&& visit) const {
        for (const twin::Member& member : object_->members)
            visit(std::string_view(member.key), TreeNode(member.node));
    }

private:
    const twin::Object* object_;
};

class TreeSource {
public:
    explicit TreeSource(const twin::Twin& twin) : twin_(&twin) {}

    const twin::Twin& twin() const { return *twin_; }
    TreeNode root(twin::Part part) const { return TreeNode(twin_->part(part)); }

private:
    const twin::Twin* twin_;
};

class FlatNode {
public:
    FlatNode(const twin::FlatTwin& twin, std::size_t place) : twin_(&twin), place_(place) {}

    bool is_object() const { return node().kind == twin::FlatNode::Kind::object; }
    bool is_empty_object() const { return is_object() && node().end == place_ + 1; }
    query::Value value() const {
        using Kind = twin::FlatNode::Kind;
        switch (node().kind) {
            case Kind::object: return query::Value::object_mark();
            case Kind::boolean: return query::Value::boolean(node().boolean);
            case Kind::integer: return query::Value::number(static_cast<double>(node().integer));
            case Kind::number: return query::Value::number(node().number);
            case Kind::string: return query::Value::string(node().string);
            case Kind::array: return query::Value::of(twin_->arrays[node().array]);
        }
        return {};
    }
    template <class Visit>
    void for_each_member(Visit&& visit) const {
        for (std::size_t at = place_ + 1; at < node().end; at = twin_->nodes[at].end)
            visit(twin_->nodes[at].key, FlatNode(*twin_, at));
    }

private:
    const twin::FlatNode& node() const { return twin_->nodes[place_]; }

    const twin::FlatTwin* twin_;
    std::size_t place_;
};

class FlatSource {
public:
    explicit FlatSource(const twin::FlatTwin& twin) : twin_(&twin) {}

    const twin::FlatTwin& twin() const { return *twin_; }
    FlatNode root(twin::Part part) const { return {*twin_, twin_->root(part)}; }

private:
    const twin::FlatTwin* twin_;
};

// What of a twin is in the columns, and where: the one place that says it. A target stands at a
// path: `set(value)` is its cell, `members()` gives targets below it by keys that rise.
template <class Target, class Node>
void enter(Target target, const Node& node) {
    target.set(node.value());
    if (!node.is_object()) return;
    auto members = target.members();
    node.for_each_member(
        [&](std::string_view key, const auto& member) { enter(members.next(key), member); });
}

template <class Target, class Source>
void enter(Target tags, Target desired, Target reported, const Source& source) {
    // The view does not show tags that are empty.
    if (const auto root = source.root(twin::Part::tags); !root.is_empty_object()) enter(tags, root);
    enter(desired, source.root(twin::Part::desired));
    enter(reported, source.root(twin::Part::reported));
}

}  // namespace twinhub::fleet

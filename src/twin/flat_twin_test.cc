#include "twin/flat_twin.h"

#include "twin/codec.h"
#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

namespace twinhub::twin {
namespace {

using namespace testing;

json::value leaf_of(const FlatTwin& twin, const FlatNode& node) {
    switch (node.kind) {
        case FlatNode::Kind::boolean: return node.boolean;
        case FlatNode::Kind::integer: return node.integer;
        case FlatNode::Kind::number: return node.number;
        case FlatNode::Kind::string:
            return json::string(json::string_view(node.string.data(), node.string.size()));
        case FlatNode::Kind::array: return twin.arrays[node.array];
        case FlatNode::Kind::object: break;
    }
    return nullptr;
}

// Whether the node at `at`, and all below it, are those of the tree; moves behind them.
bool same(const Node& tree, const FlatTwin& twin, std::size_t& at) {
    const FlatNode& node = twin.nodes[at++];
    if (tree.is_object() != (node.kind == FlatNode::Kind::object)) return false;
    if (!tree.is_object()) return node.end == at && leaf_of(twin, node) == tree.leaf();
    for (const Member& member : tree.object().members) {
        if (at >= node.end || twin.nodes[at].key != member.key) return false;
        if (!same(member.node, twin, at)) return false;
    }
    return at == node.end;
}

bool same(const Twin& tree, const FlatTwin& flat) {
    std::size_t at = 0;
    for (const Part part : parts)
        if (!same(tree.part(part), flat, at)) return false;
    return at == flat.nodes.size() && tree.versions == flat.versions &&
           tree.model_id == flat.model_id;
}

// Both readers refuse the bytes, with the same words, or both read the same.
void agree(std::string_view bytes, FlatTwin& flat) {
    const Result<Twin> tree = decode_twin(bytes);
    const Result<> read = decode_flat(bytes, flat);
    RC_ASSERT(tree.has_value() == read.has_value());
    if (tree) {
        RC_ASSERT(same(*tree, flat));
    } else {
        RC_ASSERT(tree.error().code == read.error().code);
        RC_ASSERT(tree.error().message == read.error().message);
        RC_ASSERT(tree.error().where == read.error().where);
    }
}

RC_GTEST_PROP(FlatTwin, SaysWhatTheTreesSay, ()) {
    FlatTwin flat;
    for (int i = 0; i < 3; ++i) {  // into the same one, as at a start
        const Twin twin = any_twin();
        std::string bytes;
        append_encoded(bytes, twin);
        RC_ASSERT(decode_flat(bytes, flat).has_value());
        RC_ASSERT(same(twin, flat));
    }
}

RC_GTEST_PROP(FlatTwin, RefusesTheDamageThatTheTreesRefuse, ()) {
    std::string bytes;
    append_encoded(bytes, any_twin());
    FlatTwin flat;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        RC_ASSERT(!decode_flat(std::string_view(bytes).substr(0, size), flat));
        agree(std::string_view(bytes).substr(0, size), flat);
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ *rc::gen::inRange(1, 256));
        agree(damaged, flat);
    }
    agree(bytes + '\0', flat);
}

}  // namespace
}  // namespace twinhub::twin

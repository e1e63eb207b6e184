#include "twin/drift/touched.h"

#include "twin/drift/paths.h"
#include "twin/drift/verdict.h"

#include <algorithm>
#include <set>
#include <span>

namespace twinhub::twin::drift {
namespace {

struct ByKeys {
    bool operator()(const std::string& a, const std::string& b) const {
        return keys_of(a) < keys_of(b);
    }
};
using Paths = std::set<std::string, ByKeys>;

// Leaves of desired at or below a place.
void add_leaves(const Node& desired, std::string& path, std::size_t depth, Paths& paths) {
    if (!desired.is_object() || desired.object().members.empty()) {
        if (depth > 0) paths.insert(path);
        return;
    }
    const std::size_t length = path.size();
    for (const Member& member : desired.object().members) {
        if (is_skipped(member.key)) continue;
        append_key(path, depth, member.key);
        add_leaves(member.node, path, depth + 1, paths);
        path.resize(length);
    }
}

void add_below(const Twin& twin, std::span<const std::string_view> keys, Paths& paths) {
    const Node* desired = node_at(twin.desired, keys);
    if (desired == nullptr) return;
    std::string path;
    for (std::size_t i = 0; i < keys.size(); ++i) append_key(path, i, keys[i]);
    add_leaves(*desired, path, keys.size(), paths);
}

bool speaks_for_all_below(const Node* reported, bool status_sibling) {
    if (reported == nullptr || !reported->is_object()) return false;
    if (acknowledgement(*reported)) return true;
    return status_sibling && reported->find("status") != nullptr;
}

// What a reported leaf is compared with, or answers for.
void add_counterparts(const Twin& was, const Twin& is, std::string_view leaf, bool status_sibling,
                      Paths& paths) {
    const Keys keys = keys_of(leaf);
    for (std::size_t depth = 0; depth <= keys.size(); ++depth) {
        const std::span<const std::string_view> prefix(keys.data(), depth);
        const bool speaks = speaks_for_all_below(node_at(was.reported, prefix), status_sibling) ||
                            speaks_for_all_below(node_at(is.reported, prefix), status_sibling);
        const Node* desired = node_at(is.desired, prefix);
        const bool is_leaf = depth > 0 && desired != nullptr &&
                             (!desired->is_object() || desired->object().members.empty());
        if (!speaks && !is_leaf && depth < keys.size()) continue;
        add_below(is, prefix, paths);
        if (speaks) return;
    }
}

// An object that a report names without changing anything in it is reported anew, too: that counts
// where a leaf is desired.
void add_renewed(const Node& desired, const json::object& patch, std::string& path,
                 std::size_t depth, Paths& paths) {
    const std::size_t length = path.size();
    for (const json::key_value_pair& entry : patch) {
        const std::string_view key(entry.key().data(), entry.key().size());
        const Node* wanted = desired.find(key);
        const json::object* below = entry.value().if_object();
        if (wanted == nullptr || below == nullptr) continue;
        append_key(path, depth, key);
        if (wanted->is_object() && !wanted->object().members.empty())
            add_renewed(*wanted, *below, path, depth + 1, paths);
        else paths.insert(path);
        path.resize(length);
    }
}

// Where `status` is desired, it is no answer to what is desired beside it.
void add_neighbours(const Twin& is, std::string_view leaf, Paths& paths) {
    const Keys keys = keys_of(leaf);
    for (std::size_t depth = 0; depth < keys.size(); ++depth)
        if (keys[depth] == "status") return add_below(is, std::span(keys).first(depth), paths);
}

}  // namespace

Touched touched_properties(const Twin& was, const Twin& is, const Change& change,
                           const TwinPolicy& old_policy, const TwinPolicy& new_policy,
                           const Policy& policy, bool is_edge_runtime) {
    const TwinRules& rules = new_policy.twin();
    Touched touched;
    const bool wrote = change.desired || change.reported;
    touched.all = (change.tags && policy.reads_tags()) || (wrote && rules.strict) ||
                  (wrote && rules.edge && is_edge_runtime) || rules != old_policy.twin();
    if (touched.all) return touched;
    Paths paths;
    for (const TouchedLeaf& leaf : touched_leaves(was, is, change)) {
        if (leaf.part == Part::desired) {
            paths.insert(leaf.path);
            if (rules.status_sibling) add_neighbours(is, leaf.path, paths);
        } else if (leaf.part == Part::reported) {
            if (!rules.document_ack.empty() && (is_at_or_below(leaf.path, rules.document_ack) ||
                                                is_at_or_below(rules.document_ack, leaf.path))) {
                touched.all = true;
                return touched;
            }
            add_counterparts(was, is, leaf.path, rules.status_sibling, paths);
        }
    }
    if (change.reported) {
        std::string path;
        add_renewed(is.desired, change.reported->forward.body(), path, 0, paths);
    }
    touched.paths.assign(paths.begin(), paths.end());
    return touched;
}

}  // namespace twinhub::twin::drift

#include "twin/change_leaves.h"

#include "twin/keys.h"

namespace twinhub::twin {
namespace {

const json::value empty_object(json::object_kind);

const json::value* leaf_of(const Node* node) {
    if (node == nullptr) return nullptr;
    if (!node->is_object()) return &node->leaf();
    return node->object().members.empty() ? &empty_object : nullptr;
}

using Entries = std::vector<const json::key_value_pair*>;

// What of a written object is kept: a null writes nothing.
Entries kept_entries(const json::object* object) {
    if (object == nullptr) return {};
    Entries entries = in_key_order(*object);
    std::erase_if(entries, [](const auto* entry) { return entry->value().is_null(); });
    return entries;
}

class Walk {
public:
    Walk(Part part, std::vector<TouchedLeaf>& leaves) : part_(part), leaves_(leaves) {}

    void nested(const Nested& before, const json::object& written) {
        for (const UndoMember& member : before.members) {
            const json::value* value = written.if_contains(member.key);
            if (value && value->is_null()) value = nullptr;
            below(member.key, [&] { undo(member.undo, value); });
        }
    }

    // Every leaf of both sides; `after` is nullptr when it is no object.
    void members(const Node* before, const json::object* after) {
        static const std::vector<Member> none;
        const auto& old_members = before && before->is_object() ? before->object().members : none;
        const Entries entries = kept_entries(after);
        auto a = old_members.begin();
        auto b = entries.begin();
        while (a != old_members.end() || b != entries.end()) {
            const bool take_a =
                a != old_members.end() && (b == entries.end() || a->key <= key_of(**b));
            const bool take_b =
                b != entries.end() && (a == old_members.end() || key_of(**b) <= a->key);
            const std::string_view key = take_a ? std::string_view(a->key) : key_of(**b);
            const Node* const old_node = take_a ? &a->node : nullptr;
            const json::value* const value = take_b ? &(*b)->value() : nullptr;
            below(key, [&] { subtree(old_node, value); });
            if (take_a) ++a;
            if (take_b) ++b;
        }
    }

private:
    void undo(const Undo& undo, const json::value* after) {
        if (const Nested* const was = std::get_if<Nested>(&undo.was)) {
            if (after && after->is_object()) nested(*was, after->get_object());
            return;
        }
        subtree(std::get_if<Node>(&undo.was), after);
    }

    void subtree(const Node* before, const json::value* after) {
        const json::object* const object = after ? after->if_object() : nullptr;
        const json::value* now = after;
        if (object) now = kept_entries(object).empty() ? &empty_object : nullptr;
        leaf(leaf_of(before), now);
        members(before, object);
    }

    void leaf(const json::value* before, const json::value* after) {
        if (before || after) leaves_.push_back({part_, path_, before, after});
    }

    template <class Visit>
    void below(std::string_view key, Visit visit) {
        const std::size_t length = path_.size();
        if (depth_++ > 0) path_ += '.';
        path_ += key;
        visit();
        path_.resize(length);
        --depth_;
    }

    Part part_;
    std::vector<TouchedLeaf>& leaves_;
    std::string path_;
    std::size_t depth_ = 0;
};

}  // namespace

std::vector<TouchedLeaf> touched_leaves(const Change& change) {
    std::vector<TouchedLeaf> leaves;
    for (const Part part : parts) {
        const auto& written = change.part(part);
        if (!written) continue;
        Walk walk(part, leaves);
        const json::object& body = written->forward.body();
        if (const Nested* const nested = std::get_if<Nested>(&written->inverse.was))
            walk.nested(*nested, body);
        else walk.members(std::get_if<Node>(&written->inverse.was), &body);
    }
    return leaves;
}

std::vector<TouchedLeaf> held_leaves(const Twin& twin) {
    std::vector<TouchedLeaf> leaves;
    for (const Part part : parts) Walk(part, leaves).members(&twin.part(part), nullptr);
    return leaves;
}

}  // namespace twinhub::twin

#include "twin/change.h"

#include "twin/merge.h"
#include "twin/stamps.h"

namespace twinhub::twin {
namespace {

// Every value that a leaf can be, also the empty object.
const json::value* leaf_of(const Node* node) {
    static const json::value empty_object(json::object_kind);
    if (node == nullptr) return nullptr;
    if (!node->is_object()) return &node->leaf();
    return node->object().members.empty() ? &empty_object : nullptr;
}

class Walk {
public:
    Walk(Part part, std::vector<TouchedLeaf>& leaves) : part_(part), leaves_(leaves) {}

    void undo(const Undo& undo, const Node* before, const Node* after) {
        const Nested* nested = std::get_if<Nested>(&undo.was);
        if (nested == nullptr || !before || !before->is_object() || !after || !after->is_object())
            return subtree(before, after);
        leaf(leaf_of(before), leaf_of(after));
        for (const UndoMember& member : nested->members)
            below(member.key, [&] {
                this->undo(member.undo, before->find(member.key), after->find(member.key));
            });
    }

private:
    // Every leaf of both sides, by one pass over both in the order of their keys.
    void subtree(const Node* before, const Node* after) {
        leaf(leaf_of(before), leaf_of(after));
        static const std::vector<Member> none;
        const auto& old_members = before && before->is_object() ? before->object().members : none;
        const auto& new_members = after && after->is_object() ? after->object().members : none;
        auto a = old_members.begin();
        auto b = new_members.begin();
        while (a != old_members.end() || b != new_members.end()) {
            const bool take_a =
                a != old_members.end() && (b == new_members.end() || a->key <= b->key);
            const bool take_b =
                b != new_members.end() && (a == old_members.end() || b->key <= a->key);
            const std::string& key = take_a ? a->key : b->key;
            const Node* old_node = take_a ? &a->node : nullptr;
            const Node* new_node = take_b ? &b->node : nullptr;
            below(key, [&] { subtree(old_node, new_node); });
            if (take_a) ++a;
            if (take_b) ++b;
        }
    }

    void leaf(const json::value* before, const json::value* after) {
        if (depth_ > 0 && (before || after)) leaves_.push_back({part_, path_, before, after});
    }

    template <class Visit>
    void below(const std::string& key, Visit visit) {
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
    std::size_t depth_ = 0;  // the root of a part is no leaf, even when empty
};

}  // namespace

const std::optional<PartChange>& Change::part(Part which) const {
    return which == Part::tags ? tags : which == Part::desired ? desired : reported;
}

std::optional<PartChange>& Change::part(Part which) {
    return which == Part::tags ? tags : which == Part::desired ? desired : reported;
}

Result<Twin> redo(const Twin& before, const Change& change) {
    if (before.versions != change.before)
        return failure(Code::corrupted, "A change does not continue its twin");
    Twin next = before;
    for (const Part part : parts)
        if (const auto& written = change.part(part))
            next.part(part) = write(before.part(part), written->forward,
                                    stamp_of(part, change.at, change.after), nullptr);
    next.versions = change.after;
    return next;
}

Result<Twin> undo(const Twin& after, const Change& change) {
    if (after.versions != change.after)
        return failure(Code::corrupted, "A change did not lead to its twin");
    Twin former = after;
    for (const Part part : parts) {
        const auto& written = change.part(part);
        if (!written) continue;
        TRY(former.part(part), revert(after.part(part), written->inverse));
        if (!former.part(part).is_object())
            return failure(Code::corrupted, "The inverse of a change is no object");
    }
    former.versions = change.before;
    return former;
}

std::vector<TouchedLeaf> touched_leaves(const Twin& before, const Twin& after,
                                        const Change& change) {
    std::vector<TouchedLeaf> leaves;
    for (const Part part : parts)
        if (const auto& written = change.part(part))
            Walk(part, leaves).undo(written->inverse, &before.part(part), &after.part(part));
    return leaves;
}

}  // namespace twinhub::twin

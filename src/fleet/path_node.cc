#include "fleet/path_node.h"

namespace twinhub::fleet {

PathNode* PathNode::child(std::string_view name) {
    const auto at = children_.find(name);
    return at == children_.end() ? nullptr : at->get();
}
const PathNode* PathNode::child(std::string_view name) const {
    const auto at = children_.find(name);
    return at == children_.end() ? nullptr : at->get();
}

// Callers go through the names in order, so the next one is mostly the one they look for.
PathNode& PathNode::Finger::find_or_make(std::string_view name) {
    Children& children = node_->children_;
    if (stands_) ++at_;  // only now: a step beyond the last child is a slow one
    stands_ = true;
    for (int step = 0; step < 4 && at_ != children.end(); ++step, ++at_) {
        if ((*at_)->name_ == name) return **at_;
        if ((*at_)->name_ > name) break;
    }
    at_ = children.lower_bound(name);
    if (at_ == children.end() || (*at_)->name_ != name)
        at_ = children.insert(at_, std::make_unique<PathNode>(name));
    return **at_;
}

Column& PathNode::make_column(Side side, const std::uint32_t& capacity) {
    auto& column = columns_[index(side)];
    if (!column) {
        if (!dictionary_) dictionary_ = std::make_unique<Dictionary>();
        column = std::make_unique<Column>(Content::values, capacity, dictionary_.get());
    }
    return *column;
}

void PathNode::settle(Side side) {
    auto& column = columns_[index(side)];
    if (column && column->count() == 0) {
        column.reset();
        if (!has_columns()) dictionary_.reset();
    }
    if (!column || !column->wants_renumbering()) return;
    const std::vector<Code> map = dictionary_->renumber();
    for (auto& each : columns_)
        if (each) each->recode(map);
}

void PathNode::settle_child(std::string_view name) {
    const auto at = children_.find(name);
    if (at != children_.end() && (*at)->empty()) children_.erase(at);
}

void PathNode::settle_children() {
    for (auto at = children_.begin(); at != children_.end();)
        at = (*at)->empty() ? children_.erase(at) : std::next(at);
}

void PathNode::resize() {
    for (auto& column : columns_)
        if (column) column->resize();
    for (const auto& child : children_) child->resize();
}

void PathNode::add_bytes(Bytes& bytes) const {
    for (const auto& column : columns_)
        if (column) bytes.columns += sizeof(Column) + column->bytes();
    if (dictionary_) bytes.dictionaries += sizeof(Dictionary) + dictionary_->bytes();
    // A pointer in a node of the set that is three quarters full on average.
    bytes.nodes += sizeof(PathNode) + sizeof(void*) * 4 / 3;
    if (name_.capacity() > 15) bytes.nodes += name_.capacity() + 1;
    for (const auto& child : children_) child->add_bytes(bytes);
}

}  // namespace twinhub::fleet

#include "hub/history/history_filter.h"

#include "twin/change_leaves.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using Part = HistoryFilter::Part;

Part part_of(twin::Part part) {
    switch (part) {
        case twin::Part::tags: return Part::tags;
        case twin::Part::desired: return Part::desired;
        case twin::Part::reported: return Part::reported;
    }
    return Part::any;
}

bool is_at_or_below(std::string_view path, std::string_view place) {
    if (place.empty()) return true;
    if (!path.starts_with(place)) return false;
    return path.size() == place.size() || path[place.size()] == '.';
}

// Whether the leaf is what `path` names, read as a path of its part or of any.
bool is_named(const twin::TouchedLeaf& leaf, std::string_view path) {
    if (is_at_or_below(leaf.path, path)) return true;
    constexpr std::string_view properties = "properties.";
    std::string_view name = twin::path_of(leaf.part);
    if (name.starts_with(properties)) name.remove_prefix(properties.size());
    if (path.starts_with(properties)) path.remove_prefix(properties.size());
    if (!is_at_or_below(path, name)) return false;
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    return is_at_or_below(leaf.path, path);
}

}  // namespace

Result<HistoryFilter::Part> parse_history_part(std::string_view text) {
    if (text == "tags") return Part::tags;
    if (text == "desired") return Part::desired;
    if (text == "reported") return Part::reported;
    if (text == "identity") return Part::identity;
    return failure(Code::argument_invalid, "The part must be tags, desired, reported or identity",
                   "part");
}

std::string_view author_name(const ChangeRecord& change) {
    if (change.author.cause == Cause::device) return change.id.device.text();
    return without_version(change.author.principal);
}

void keep_matching(std::vector<twin::TouchedLeaf>& leaves, const HistoryFilter& filter) {
    if (filter.part == Part::any && filter.path.empty()) return;
    std::erase_if(leaves, [&](const twin::TouchedLeaf& leaf) {
        if (filter.part != Part::any && part_of(leaf.part) != filter.part) return true;
        return !filter.path.empty() && !is_named(leaf, filter.path);
    });
}

std::vector<twin::TouchedLeaf> leaves_of(const ChangeRecord& change, const HistoryFilter& filter) {
    if (change.kind != ChangeKind::twin) return {};
    std::vector<twin::TouchedLeaf> leaves = twin::touched_leaves(change.change);
    keep_matching(leaves, filter);
    return leaves;
}

bool matches(const ChangeRecord& change, const HistoryFilter& filter) {
    if (!filter.author.empty() && author_name(change) != filter.author) return false;
    if (!filter.path.empty()) return !leaves_of(change, filter).empty();
    switch (filter.part) {
        case Part::any: return true;
        case Part::identity: return change.kind != ChangeKind::twin;
        default: break;
    }
    if (change.kind != ChangeKind::twin) return false;
    return std::ranges::any_of(twin::parts, [&](twin::Part part) {
        return part_of(part) == filter.part && change.change.part(part).has_value();
    });
}

}  // namespace twinhub::hub

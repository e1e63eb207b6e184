#include "fleet/staging.h"

#include <algorithm>
#include <cstring>

namespace twinhub::fleet {
namespace {

constexpr std::size_t texts_usual = std::size_t{1} << 17;  // bytes of a batch

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Staging::Staging(PathNode& tags, PathNode& properties, PathNode& configurations)
    : tags_(tags.name()),
      properties_(properties.name()),
      configurations_(configurations.name()),
      first_texts_(texts_usual),
      texts_(first_texts_.data(), first_texts_.size()) {
    tags_.path = &tags;
    properties_.path = &properties;
    configurations_.path = &configurations;
}

void Staging::add(std::vector<StagedCell>& cells, Row row, const query::Value& value) {
    Dictionary::Key key = Dictionary::key_of(value, canonical_);
    // Much of a fleet says the same everywhere.
    if (!cells.empty() && cells.back().extend(row, key)) return;
    if (!key.text.empty()) {
        char* const kept = static_cast<char*>(texts_.allocate(key.text.size(), 1));
        std::memcpy(kept, key.text.data(), key.text.size());
        key.text = {kept, key.text.size()};
    }
    cells.emplace_back(row, key);
}

// Most twins have the members of the twin before, so the next child is mostly the one looked for.
StagedNode& Staging::child(StagedNode& node, std::size_t& at, std::string_view name) {
    auto& children = node.children;
    for (int step = 0; step < 4 && at < children.size(); ++step, ++at) {
        if (same(children[at]->name, name)) return *children[at++];
        if (children[at]->name > name) break;
    }
    const auto place = std::ranges::lower_bound(
        children, name, {}, [](const auto& child) { return std::string_view(child->name); });
    at = static_cast<std::size_t>(place - children.begin()) + 1;
    if (place != children.end() && (*place)->name == name) return **place;
    ++paths_;
    return **children.insert(place, std::make_unique<StagedNode>(name));
}

void Staging::gone() {
    rows_ = 0;
    texts_.release();
    if (paths_ <= paths_max) return;
    paths_ = 0;
    tags_.children.clear();
    properties_.children.clear();
    configurations_.children.clear();
}

}  // namespace twinhub::fleet

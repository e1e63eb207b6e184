#pragma once

#include "fleet/scan/pair_leaf.h"
#include "fleet/scan/path_leaf.h"

#include <string_view>
#include <variant>

namespace twinhub::fleet {

// A condition over several paths, decided row by row.
struct RowLeaf {
    Evaluation* evaluation;
    query::ExprIndex expr;
    Truths wanted;

    void keep(const Block& block, Bits& rows);
};

// A condition that cannot be taken apart further, in the cheapest way that its paths allow.
using Leaf = std::variant<PathLeaf, PairLeaf, RowLeaf>;

// Of an expression whose paths can be read from columns.
Leaf leaf_of(Evaluation& evaluation, query::ExprIndex expr, Truths wanted);

LeafWay way_of(const Leaf& leaf);

inline void keep(Leaf& leaf, const Block& block, Bits& rows) {
    std::visit([&](auto& one) { one.keep(block, rows); }, leaf);
}

}  // namespace twinhub::fleet

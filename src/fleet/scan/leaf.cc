#include "fleet/scan/leaf.h"

namespace twinhub::fleet {
namespace {

using query::Expr;
using query::Op;

bool compares_paths(const query::Plan& plan, const Expr& expr) {
    return (expr.op == Op::equal || expr.op == Op::not_equal) && !expr.time &&
           plan.expr(expr.operands[0]).op == Op::path && plan.expr(expr.operands[1]).op == Op::path;
}

}  // namespace

void RowLeaf::keep(const Block& block, Bits& rows) {
    rows.filter([&](std::size_t i) {
        return wanted.has(evaluation->of_row(expr, block.first + static_cast<Row>(i)));
    });
}

Leaf leaf_of(Evaluation& evaluation, query::ExprIndex expr, Truths wanted) {
    const query::Plan& plan = evaluation.plan();
    const std::vector<query::PathIndex> paths = paths_of(plan, expr);
    bool plain = true;
    for (const query::PathIndex path : paths) plain &= evaluation.paths().plain(path);
    if (plain && paths.size() == 1) return PathLeaf(evaluation, expr, paths.front(), wanted);
    if (plain && compares_paths(plan, plan.expr(expr))) return PairLeaf(evaluation, expr, wanted);
    return RowLeaf{&evaluation, expr, wanted};
}

LeafWay way_of(const Leaf& leaf) {
    if (const auto* path = std::get_if<PathLeaf>(&leaf)) return path->way();
    if (const auto* pair = std::get_if<PairLeaf>(&leaf))
        return pair->compares_codes() ? LeafWay{"codeScan", 10} : LeafWay{"rowFilter", 10'000};
    return {"rowFilter", 20'000};
}

}  // namespace twinhub::fleet

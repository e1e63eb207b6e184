#include "query/prune.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace twinhub::query {
namespace {

// Where each kept entry goes; nothing for the others.
template <class T>
std::vector<std::uint32_t> compact(std::vector<T>& entries, const std::vector<bool>& used) {
    std::vector<std::uint32_t> place(entries.size());
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!used[i]) continue;
        place[i] = next;
        if (next != i) entries[next] = std::move(entries[i]);
        ++next;
    }
    entries.resize(next);
    return place;
}

// Calls `visit` with every use of a path.
template <class Visit>
void visit_paths(Plan& plan, Visit visit) {
    for (Expr& expr : plan.exprs)
        if (expr.op == Op::path) visit(expr.path);
    for (Item& item : plan.items)
        if (item.aggregate != Aggregate::count) visit(item.path);
    for (PathIndex& key : plan.group_by) visit(key);
    for (SortKey& key : plan.order_by)
        if (auto* path = std::get_if<PathIndex>(&key.by)) visit(*path);
}

}  // namespace

void prune(Plan& plan) {
    std::vector<bool> used_exprs(plan.exprs.size()), used_paths(plan.paths.size());
    if (plan.where) used_exprs[*plan.where] = true;
    // Parents come after their operands.
    for (std::size_t i = plan.exprs.size(); i-- > 0;) {
        if (!used_exprs[i]) continue;
        for (const ExprIndex operand : plan.exprs[i].operands) used_exprs[operand] = true;
    }
    const auto expr_place = compact(plan.exprs, used_exprs);
    visit_paths(plan, [&](const PathIndex& path) { used_paths[path] = true; });
    const auto path_place = compact(plan.paths, used_paths);
    for (Expr& expr : plan.exprs)
        for (ExprIndex& operand : expr.operands) operand = expr_place[operand];
    if (plan.where) plan.where = expr_place[*plan.where];
    visit_paths(plan, [&](PathIndex& path) { path = path_place[path]; });
}

void replace_path(Plan& plan, PathIndex from, PathIndex to) {
    visit_paths(plan, [&](PathIndex& path) {
        if (path == from) path = to;
    });
}

}  // namespace twinhub::query

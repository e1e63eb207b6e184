#include "query/prune.h"

#include <ranges>

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

}  // namespace

void prune(Plan& plan) {
    std::vector<bool> used_exprs(plan.exprs.size()), used_paths(plan.paths.size());
    if (plan.where) used_exprs[*plan.where] = true;
    // Parents come after their operands.
    for (std::size_t i = plan.exprs.size(); i-- > 0;) {
        if (!used_exprs[i]) continue;
        for (const ExprIndex operand : plan.exprs[i].operands) used_exprs[operand] = true;
        if (plan.exprs[i].op == Op::path) used_paths[plan.exprs[i].path] = true;
    }
    for (const Item& item : plan.items)
        if (item.aggregate != Aggregate::count) used_paths[item.path] = true;
    for (const PathIndex key : plan.group_by) used_paths[key] = true;
    for (const SortKey& key : plan.order_by)
        if (const auto* path = std::get_if<PathIndex>(&key.by)) used_paths[*path] = true;

    const auto expr_place = compact(plan.exprs, used_exprs);
    const auto path_place = compact(plan.paths, used_paths);
    for (Expr& expr : plan.exprs) {
        for (ExprIndex& operand : expr.operands) operand = expr_place[operand];
        if (expr.op == Op::path) expr.path = path_place[expr.path];
    }
    if (plan.where) plan.where = expr_place[*plan.where];
    for (Item& item : plan.items)
        item.path = item.aggregate == Aggregate::count ? 0 : path_place[item.path];
    for (PathIndex& key : plan.group_by) key = path_place[key];
    for (SortKey& key : plan.order_by)
        if (auto* path = std::get_if<PathIndex>(&key.by)) *path = path_place[*path];
}

}  // namespace twinhub::query

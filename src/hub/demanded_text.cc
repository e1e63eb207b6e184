#include "hub/demanded_text.h"

#include <utility>

namespace twinhub::hub {

std::optional<std::string> demanded_text(const query::Plan& plan, query::ExprIndex index,
                                         std::string_view name) {
    const query::Expr& expr = plan.expr(index);
    if (expr.op == query::Op::logical_and) {
        for (const query::ExprIndex operand : expr.operands)
            if (auto found = demanded_text(plan, operand, name)) return found;
        return std::nullopt;
    }
    if (expr.op != query::Op::equal) return std::nullopt;
    const query::Expr* path = &plan.expr(expr.operands[0]);
    const query::Expr* constant = &plan.expr(expr.operands[1]);
    if (path->op != query::Op::path) std::swap(path, constant);
    if (path->op != query::Op::path || constant->op != query::Op::constant) return std::nullopt;
    const auto& segments = plan.paths[path->path].segments;
    const auto* key = segments.size() == 1 ? std::get_if<std::string>(&segments[0]) : nullptr;
    if (!key || *key != name || !constant->constant.is_string()) return std::nullopt;
    return std::string(constant->constant.get_string());
}

}  // namespace twinhub::hub

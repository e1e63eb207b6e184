#pragma once

#include "query/names.h"
#include "query/plan.h"
#include "query/query_error.h"
#include "query/syntax.h"

#include <string_view>

namespace twinhub::query {

// Adds expressions to a plan: checks operand and argument types, folds what is constant.
class ExpressionBuilder {
public:
    ExpressionBuilder(Plan& plan, std::string_view text, Names names = Names::documents)
        : plan_(plan), text_(text), names_(names) {}

    Checked<ExprIndex> build(const SyntaxNode& node);
    // The path's place in the plan; one place a path.
    Checked<PathIndex> intern(const SyntaxPath& path);

private:
    ExprIndex add(Expr expr);
    ExprIndex add_constant(json::value constant, std::uint32_t offset);
    ExprIndex fold(ExprIndex index);
    bool is_constant(ExprIndex index) const;
    std::unexpected<QueryError> fail(std::uint32_t offset, ErrorKind kind, std::string message,
                                     std::string hint = {}) const;

    Checked<ExprIndex> build_comparison(const SyntaxNode& node);
    Checked<ExprIndex> build_membership(const SyntaxNode& node);
    Checked<ExprIndex> build_chain(const SyntaxNode& node);
    Checked<ExprIndex> build_arithmetic(const SyntaxNode& node);
    Checked<ExprIndex> build_call(const SyntaxNode& node);
    Checked<> check_argument(const FunctionInfo& function, std::size_t which, ExprIndex argument);
    Checked<ExprIndex> build_drift(const SyntaxNode& node);
    Checked<ExprIndex> build_drift_state(const SyntaxNode& node);
    Checked<ExprIndex> add_path(Path path, std::uint32_t offset);
    Checked<PathIndex> place_of(Path path, std::uint32_t offset);
    Checked<> add_pattern(Expr& call, ExprIndex argument);
    Checked<> add_polygon(Expr& call, ExprIndex argument);

    Plan& plan_;
    std::string_view text_;
    Names names_;
    std::size_t patterns_ = 0;
};

}  // namespace twinhub::query

// The drift functions as what plans know: paths that the hub keeps beside the documents, and a
// function of three of them (spec query-language 11).
#include "query/expression_builder.h"
#include "query/names.h"
#include "twin/drift/paths.h"
#include "twin/drift/state.h"

#include <algorithm>

namespace twinhub::query {

using twin::drift::State;

Checked<ExprIndex> ExpressionBuilder::add_path(Path path, std::uint32_t offset) {
    Expr expr;
    expr.op = Op::path;
    expr.offset = offset;
    TRY(expr.path, place_of(std::move(path), offset));
    return add(std::move(expr));
}

Checked<ExprIndex> ExpressionBuilder::build_drift_state(const SyntaxNode& node) {
    static const Path of_twin{.segments = {"$drift", "state"}, .time = false};
    if (node.operands.empty()) return add_path(of_twin, node.offset);
    const SyntaxNode& argument = node.operands[0];
    const auto refuse = [&] {
        return fail(argument.offset, ErrorKind::type_error,
                    "Argument 1 of " + std::string(node.function->name) +
                        " must be a path in the desired properties",
                    "write properties.desired.<name>");
    };
    if (argument.op != Op::path) return refuse();
    const Path desired = canonical_path(plan_.collection, argument.path.segments);
    static const Path all{.segments = {"properties", "desired"}, .time = false};
    if (desired == all) return add_path(of_twin, node.offset);
    const auto place = drift_place(desired);
    if (!place) return refuse();
    const bool skipped = std::ranges::any_of(desired.segments, [](const Segment& segment) {
        return twin::drift::is_skipped(std::get<std::string>(segment));
    });
    if (skipped)
        return add_constant(json::string(twin::drift::name_of(State::untracked)), node.offset);
    Expr call;
    call.op = Op::call;
    call.function = Function::drift_state;
    call.offset = node.offset;
    static const Path connection{.segments = {"connectionState"}, .time = false};
    for (const Path& path : {drift_cell(*place), desired, connection}) {
        TRY(const ExprIndex operand, add_path(path, argument.offset));
        call.operands.push_back(operand);
    }
    return add(std::move(call));
}

Checked<ExprIndex> ExpressionBuilder::build_drift(const SyntaxNode& node) {
    switch (node.function->function) {
        case Function::drift_state: return build_drift_state(node);
        case Function::drift_since:
            return add_path({.segments = {"$drift", "since"}, .time = true}, node.offset);
        case Function::is_converged: {
            Expr equal;
            equal.op = Op::equal;
            equal.offset = node.offset;
            TRY(const ExprIndex state, build_drift_state(node));
            const ExprIndex wanted =
                add_constant(json::string(twin::drift::name_of(State::converged)), node.offset);
            equal.operands = {state, wanted};
            return fold(add(std::move(equal)));
        }
        default: break;
    }
    const SyntaxNode& argument = node.operands[0];
    if (argument.op != Op::constant || !argument.constant.is_string())
        return fail(argument.offset, ErrorKind::type_error,
                    "Argument 1 of DRIFT_COUNT must be a string constant");
    const std::string name(argument.constant.get_string());
    const auto state = twin::drift::state_of(name);
    if (!state || *state == State::untracked)
        return fail(argument.offset, ErrorKind::invalid_literal,
                    "There is no state of properties with that name",
                    "use converged, pending, offline, stale, drifted or rejected");
    Expr call;
    call.op = Op::call;
    call.function = Function::drift_count;
    call.offset = node.offset;
    TRY(const ExprIndex operand,
        add_path({.segments = {"$drift", "counts", name}, .time = false}, argument.offset));
    call.operands = {operand};
    return add(std::move(call));
}

}  // namespace twinhub::query

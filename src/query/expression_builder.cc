#include "query/expression_builder.h"

#include "query/evaluate.h"
#include "query/limits.h"
#include "query/names.h"
#include "query/scalar.h"

#include <algorithm>

namespace twinhub::query {
namespace {

// For constants there is no row.
class NoRow final : public RowSource {
public:
    Value get(PathIndex) override { return {}; }
};

json::value tree_of(const Value& value) {
    switch (value.type()) {
        case Type::boolean: return value.boolean();
        case Type::number: return value.number();
        case Type::string: return json::string(value.string());
        case Type::array:
        case Type::object: return *value.tree();
        default: return nullptr;
    }
}

// A list as a tree. `undefined` has no place in one: it equals nothing anyway.
json::value tree_of(const SyntaxNode& node) {
    if (!node.list) return node.constant;
    json::array elements;
    for (const SyntaxNode& element : node.operands)
        if (!element.undefined) elements.push_back(tree_of(element));
    return elements;
}

bool is_truth(const Expr& expr) { return expr.op >= Op::equal && expr.op <= Op::logical_not; }

bool is_pure(const Expr& expr) {
    return expr.op != Op::path && expr.op != Op::constant &&
           !(expr.op == Op::call &&
             (expr.function == Function::now || expr.function == Function::age_seconds));
}

std::string_view noun(Wants wants) {
    switch (wants) {
        case Wants::path: return "a path";
        case Wants::text: return "a string";
        case Wants::number: return "a number";
        case Wants::array: return "an array";
        case Wants::primitive: return "a string, number, boolean or null";
        case Wants::pattern: return "a constant pattern";
        case Wants::polygon: return "a constant polygon";
        case Wants::anything: break;
    }
    return "a value";
}

bool fits(Wants wants, const Value& constant) {
    switch (wants) {
        case Wants::anything: return true;
        case Wants::path: return false;
        case Wants::pattern:
        case Wants::text: return constant.is(Type::string);
        case Wants::number: return constant.is(Type::number);
        case Wants::polygon:
        case Wants::array: return constant.is(Type::array);
        case Wants::primitive: return !constant.is(Type::array);
    }
    return true;
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::unexpected<QueryError> ExpressionBuilder::fail(std::uint32_t offset, ErrorKind kind,
                                                    std::string message, std::string hint) const {
    return std::unexpected(error_at(text_, offset, kind, std::move(message), std::move(hint)));
}

Checked<PathIndex> ExpressionBuilder::intern(const SyntaxPath& path) {
    if (names_ == Names::events) return place_of(event_path(path.segments), path.offset);
    Path wanted = canonical_path(plan_.collection, path.segments);
    // They are ours: azure knows no such names. Nothing has an element, so this is undefined.
    if (plan_.dialect == Dialect::azure && is_pseudo(wanted))
        wanted.segments.insert(wanted.segments.begin() + 1, std::uint32_t{0});
    return place_of(std::move(wanted), path.offset);
}

Checked<PathIndex> ExpressionBuilder::place_of(Path wanted, std::uint32_t offset) {
    const auto found = std::ranges::find(plan_.paths, wanted);
    const auto index = static_cast<PathIndex>(found - plan_.paths.begin());
    if (found != plan_.paths.end()) return index;
    if (plan_.paths.size() == paths_max)
        return fail(offset, ErrorKind::too_long,
                    "At most " + std::to_string(paths_max) + " paths fit into a query");
    plan_.paths.push_back(std::move(wanted));
    return index;
}

ExprIndex ExpressionBuilder::add(Expr expr) {
    plan_.exprs.push_back(std::move(expr));
    return static_cast<ExprIndex>(plan_.exprs.size() - 1);
}

ExprIndex ExpressionBuilder::add_constant(json::value constant, std::uint32_t offset) {
    Expr expr;
    expr.constant = std::move(constant);
    expr.offset = offset;
    return add(std::move(expr));
}

bool ExpressionBuilder::is_constant(ExprIndex index) const {
    return plan_.exprs[index].op == Op::constant;
}

// What only stands on constants becomes one, by the rules that rows are evaluated with.
ExprIndex ExpressionBuilder::fold(ExprIndex index) {
    Expr& expr = plan_.exprs[index];
    if (!is_pure(expr) || !std::ranges::all_of(expr.operands, [&](ExprIndex operand) {
            return is_constant(operand);
        }))
        return index;
    NoRow row;
    Evaluator evaluator(plan_, Instant{});
    const Value value = evaluator.value(index, row);
    Expr constant;
    constant.constant = tree_of(value);
    constant.undefined = value.is(Type::undefined);
    constant.offset = expr.offset;
    expr = std::move(constant);
    return index;
}

Checked<ExprIndex> ExpressionBuilder::build(const SyntaxNode& node) {
    switch (node.op) {
        case Op::constant: {
            const ExprIndex index = add_constant(tree_of(node), node.offset);
            plan_.exprs[index].undefined = node.undefined;
            return index;
        }
        case Op::path: {
            Expr expr;
            expr.op = Op::path;
            expr.offset = node.offset;
            TRY(expr.path, intern(node.path));
            return add(std::move(expr));
        }
        case Op::in:
        case Op::not_in: return build_membership(node);
        case Op::logical_and:
        case Op::logical_or: return build_chain(node);
        case Op::logical_not: {
            Expr expr;
            expr.op = Op::logical_not;
            expr.offset = node.offset;
            TRY(const ExprIndex operand, build(node.operands[0]));
            expr.operands = {operand};
            return fold(add(std::move(expr)));
        }
        case Op::call: return build_call(node);
        case Op::negate:
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::divide:
        case Op::modulo: return build_arithmetic(node);
        default: return build_comparison(node);
    }
}

Checked<ExprIndex> ExpressionBuilder::build_comparison(const SyntaxNode& node) {
    Expr expr;
    expr.op = node.op;
    expr.offset = node.offset;
    for (const SyntaxNode& side : node.operands) {
        if (side.list)
            return fail(side.offset, ErrorKind::type_error, "An array cannot be compared",
                        "use IN [...] or ARRAY_CONTAINS(path, value)");
        TRY(const ExprIndex operand, build(side));
        const Expr& built = plan_.exprs[operand];
        expr.time |= built.op == Op::path && plan_.paths[built.path].time;
        expr.operands.push_back(operand);
    }
    return fold(add(std::move(expr)));
}

Checked<ExprIndex> ExpressionBuilder::build_membership(const SyntaxNode& node) {
    if (node.operands[0].list)
        return fail(node.operands[0].offset, ErrorKind::type_error, "An array cannot be compared",
                    "use ARRAY_CONTAINS(path, value)");
    Expr expr;
    expr.op = node.op;
    expr.offset = node.offset;
    TRY(const ExprIndex operand, build(node.operands[0]));
    const Expr& built = plan_.exprs[operand];
    expr.time = built.op == Op::path && plan_.paths[built.path].time;
    expr.operands = {operand};
    for (const SyntaxNode& element : node.operands[1].operands) {
        if (element.list || element.undefined) {
            expr.undefined = true;
        } else {
            expr.list.push_back(element.constant);
        }
    }
    // A chain of no = is false, whatever stands before it.
    if (node.operands[1].operands.empty()) return add_constant(node.op == Op::not_in, node.offset);
    const auto less = [](const json::value& a, const json::value& b) {
        return order(Value::of(a), Value::of(b), false) < 0;
    };
    const auto same = [](const json::value& a, const json::value& b) {
        return order(Value::of(a), Value::of(b), false) == 0;
    };
    std::ranges::sort(expr.list, less);
    expr.list.erase(std::ranges::unique(expr.list, same).begin(), expr.list.end());
    return fold(add(std::move(expr)));
}

Checked<ExprIndex> ExpressionBuilder::build_chain(const SyntaxNode& node) {
    const Truth decides = node.op == Op::logical_and ? Truth::no : Truth::yes;
    Expr expr;
    expr.op = node.op;
    expr.offset = node.offset;
    bool decided = false;
    const auto join = [&](ExprIndex index) {
        const Expr& built = plan_.exprs[index];
        if (built.op == Op::constant) {
            const Value value = built.undefined ? Value() : Value::of(built.constant);
            const Truth truth = truth_of(value, plan_.missing);
            decided |= truth == decides;
            if (truth == negated(decides)) return;  // says nothing
        }
        expr.operands.push_back(index);
    };
    for (const SyntaxNode& operand : node.operands) {
        TRY(const ExprIndex index, build(operand));
        if (plan_.exprs[index].op == node.op) {  // (a AND b) AND c is a AND b AND c
            std::ranges::for_each(plan_.exprs[index].operands, join);
        } else {
            join(index);
        }
    }
    if (decided) return add_constant(decides == Truth::yes, node.offset);
    if (expr.operands.empty()) return add_constant(decides == Truth::no, node.offset);
    if (expr.operands.size() == 1) {
        const ExprIndex only = expr.operands[0];
        if (is_truth(plan_.exprs[only])) return only;
        // A chain makes a truth of what is none: keep it one.
        const ExprIndex neutral = add_constant(decides == Truth::no, node.offset);
        expr.operands.push_back(neutral);
    }
    return fold(add(std::move(expr)));
}

Checked<ExprIndex> ExpressionBuilder::build_arithmetic(const SyntaxNode& node) {
    Expr expr;
    expr.op = node.op;
    expr.offset = node.offset;
    for (const SyntaxNode& side : node.operands) {
        TRY(const ExprIndex operand, build(side));
        const Expr& built = plan_.exprs[operand];
        if (built.op == Op::constant && !built.undefined && !built.constant.is_double())
            return fail(side.offset, ErrorKind::type_error, "Only numbers can be computed with");
        expr.operands.push_back(operand);
    }
    return fold(add(std::move(expr)));
}

Checked<> ExpressionBuilder::check_argument(const FunctionInfo& function, std::size_t which,
                                            ExprIndex argument) {
    const Expr& built = plan_.exprs[argument];
    const Wants wants = function.wants[std::min(which, function.wants.size() - 1)];
    bool good = true;
    if (wants == Wants::path) {
        good = built.op == Op::path;
    } else if (built.op == Op::constant) {
        good = (built.undefined && wants != Wants::pattern && wants != Wants::polygon) ||
               (!built.undefined && fits(wants, Value::of(built.constant)));
    } else {
        good = wants != Wants::pattern && wants != Wants::polygon;
    }
    if (good) return {};
    return fail(built.offset, ErrorKind::type_error,
                "Argument " + std::to_string(which + 1) + " of " + std::string(function.name) +
                    " must be " + std::string(noun(wants)));
}

Checked<ExprIndex> ExpressionBuilder::build_call(const SyntaxNode& node) {
    if (node.function->function >= Function::drift_state) {
        if (names_ == Names::events)
            return fail(node.offset, ErrorKind::unsupported_function,
                        "Events have no drift of their own",
                        "route driftChanged events and look at $body.to");
        return build_drift(node);
    }
    Expr expr;
    expr.op = Op::call;
    expr.function = node.function->function;
    expr.offset = node.offset;
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
        TRY(const ExprIndex argument, build(node.operands[i]));
        TRY_VOID(check_argument(*node.function, i, argument));
        if (i == 1 && expr.function == Function::regex_match) {
            TRY_VOID(add_pattern(expr, argument));
        } else if (i == 1 && expr.function == Function::geo_within) {
            TRY_VOID(add_polygon(expr, argument));
        } else {
            expr.operands.push_back(argument);
        }
    }
    return fold(add(std::move(expr)));
}

Checked<> ExpressionBuilder::add_pattern(Expr& call, ExprIndex argument) {
    const Expr& built = plan_.exprs[argument];
    const std::string_view pattern = Value::of(built.constant).string();
    if (characters(pattern) > pattern_characters_max)
        return fail(
            built.offset, ErrorKind::invalid_literal,
            "A pattern has at most " + std::to_string(pattern_characters_max) + " characters");
    if (++patterns_ > patterns_max)
        return fail(built.offset, ErrorKind::too_long,
                    "At most " + std::to_string(patterns_max) + " patterns fit into a query");
    std::string why;
    call.regex = Regex::compile(pattern, why);
    if (!call.regex)
        return fail(built.offset, ErrorKind::invalid_literal, "The pattern is wrong: " + why,
                    "patterns are written in RE2 syntax");
    call.constant = built.constant;
    return {};
}

Checked<> ExpressionBuilder::add_polygon(Expr& call, ExprIndex argument) {
    const Expr& built = plan_.exprs[argument];
    const auto& corners = built.constant.get_array();
    const auto refuse = [&] {
        return fail(built.offset, ErrorKind::invalid_literal,
                    "A polygon has three or more corners of latitude and longitude in degrees",
                    "write [ [52.5, 13.3], [52.6, 13.3], [52.6, 13.5] ]");
    };
    if (corners.size() < 3) return refuse();
    for (const json::value& corner : corners) {
        const auto* pair = corner.if_array();
        if (!pair || pair->size() != 2) return refuse();
        const double *latitude = (*pair)[0].if_double(), *longitude = (*pair)[1].if_double();
        if (!latitude || !longitude || *latitude < -90 || *latitude > 90 || *longitude < -180 ||
            *longitude > 180)
            return refuse();
        call.polygon.push_back({*latitude, *longitude});
    }
    call.constant = built.constant;
    return {};
}

}  // namespace twinhub::query

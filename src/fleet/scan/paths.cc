#include "fleet/scan/paths.h"

#include "query/narrow.h"

#include <algorithm>

namespace twinhub::fleet {
namespace {

using query::Expr;
using query::Op;
using query::Segment;

// The functions that look into an object.
bool reads_objects(const Expr& expr) {
    return expr.op == Op::call && (expr.function == query::Function::geo_distance ||
                                   expr.function == query::Function::geo_within);
}

bool is_key(const Segment& segment, std::string_view key) {
    const auto* text = std::get_if<std::string>(&segment);
    return text != nullptr && *text == key;
}

// An object with more possible members than this is read from its document.
constexpr std::size_t members_max = 256;

// `properties` and its two parts have $metadata as a member.
bool has_metadata(std::span<const Segment> keys) {
    return keys.size() <= 2 && !keys.empty() && is_key(keys[0], "properties");
}

}  // namespace

Paths::Paths(const query::Plan& plan, const Table& table, Use use)
    : plan_(&plan), table_(&table), bound_(plan.paths.size()) {
    if (use == Use::condition) {
        for (const Expr& expr : plan.exprs)
            if (reads_objects(expr))
                for (const query::ExprIndex operand : expr.operands)
                    if (plan.expr(operand).op == Op::path)
                        bound_[plan.expr(operand).path].whole = true;
    } else {
        for (const query::PathIndex path : plan.group_by) bound_[path].whole = true;
        for (const query::Item& item : plan.items)
            if (item.aggregate == query::Aggregate::none) bound_[item.path].whole = true;
    }

    for (std::size_t i = 0; i < bound_.size(); ++i) {
        const std::vector<Segment>& segments = plan.paths[i].segments;
        Bound& bound = bound_[i];
        const auto index = std::ranges::find_if(segments, [](const Segment& segment) {
            return std::holds_alternative<std::uint32_t>(segment);
        });
        bound.keys.assign(segments.begin(), index);
        bound.rest.assign(index, segments.end());
        bound.document = Table::is_metadata(bound.keys);
        if (bound.whole && bound.rest.empty() && !bound.document)
            bound.document = has_metadata(bound.keys) ||
                             count_members(table, bound.keys, members_max) > members_max;
    }
}

Paths::Bound& Paths::bind(query::PathIndex path) {
    Bound& bound = bound_[path];
    if (bound.revision != table_->revision()) {
        bound.column = table_->column(bound.keys);
        bound.revision = table_->revision();
        bound.row = no_row;
        if (bound.whole && bound.rest.empty()) bound.members = members_of(*table_, bound.keys);
    }
    return bound;
}

query::Value Paths::value(query::PathIndex path, Row row) {
    Bound& bound = bind(path);
    if (bound.row != row) {
        bound.value = read(bound, path, row);
        bound.row = row;
    }
    return bound.value;
}

query::Value Paths::read(Bound& bound, query::PathIndex path, Row row) {
    if (bound.column == nullptr) return {};
    const query::Value value = bound.column->value(row, bound.scratch);
    if (!bound.rest.empty()) {
        if (!value.is(query::Type::array)) return {};
        const json::value* found = step_into(*value.tree(), bound.rest);
        return found != nullptr ? query::Value::of(*found) : query::Value();
    }
    if (!bound.whole || !value.is(query::Type::object)) return value;
    bound.scratch.tree = object_of(bound.members, row, bound.member_scratch);
    query::cut_hidden(*plan_, path, bound.scratch.tree);
    return query::Value::of(bound.scratch.tree);
}

std::vector<query::PathIndex> paths_of(const query::Plan& plan, query::ExprIndex expr) {
    std::vector<query::PathIndex> paths;
    std::vector<query::ExprIndex> left{expr};
    while (!left.empty()) {
        const Expr& one = plan.expr(left.back());
        left.pop_back();
        if (one.op == Op::path && std::ranges::find(paths, one.path) == paths.end())
            paths.push_back(one.path);
        left.insert(left.end(), one.operands.begin(), one.operands.end());
    }
    return paths;
}

}  // namespace twinhub::fleet

#include "query/narrow.h"

#include "base/result.h"
#include "query/names.h"
#include "query/prune.h"
#include "twin/drift/paths.h"

#include <algorithm>
#include <span>

namespace twinhub::query {
namespace {

PathIndex place_of(Plan& plan, const Path& path) {
    const auto found = std::ranges::find(plan.paths, path);
    if (found == plan.paths.end()) {
        plan.paths.push_back(path);
        return static_cast<PathIndex>(plan.paths.size() - 1);
    }
    return static_cast<PathIndex>(found - plan.paths.begin());
}

// No document begins with this: always undefined, for every executor.
const Path& nowhere() {
    static const Path path{{"$hidden"}};
    return path;
}

bool is_none(const Expr& expr) { return expr.op == Op::constant; }  // a condition that folded

void append_operands(const Plan& plan, ExprIndex index, std::vector<ExprIndex>& operands) {
    if (plan.exprs[index].op != Op::logical_and) return operands.push_back(index);
    operands.insert(operands.end(), plan.exprs[index].operands.begin(),
                    plan.exprs[index].operands.end());
}

bool looks_inside(const Expr& expr) {
    return expr.op == Op::call &&
           (expr.function == Function::geo_distance || expr.function == Function::geo_within);
}

void cut(json::object& object, std::span<const Segment> way) {
    const std::string& key = std::get<std::string>(way.front());
    if (way.size() == 1) {
        object.stable_erase(key);  // the others stay in their order
        return;
    }
    json::value* const next = object.if_contains(key);
    if (next && next->is_object()) cut(next->get_object(), way.subspan(1));
}

// properties.desired.a has its metadata at properties.desired.$metadata.a.
std::optional<Path> metadata_of(const Path& path) {
    const auto& way = path.segments;
    if (way.size() < 3 || way[0] != Segment("properties") || way[2] == Segment("$metadata") ||
        (way[1] != Segment("desired") && way[1] != Segment("reported")))
        return {};
    Path metadata = path;
    metadata.segments.insert(metadata.segments.begin() + 2, "$metadata");
    return metadata;
}

void hide_exactly(Plan& plan, const Path& path) {
    std::vector<PathIndex> hidden;
    for (PathIndex i = 0; i < plan.paths.size(); ++i)
        if (is_at_or_below(plan.paths[i], path)) hidden.push_back(i);
    const PathIndex empty = place_of(plan, nowhere());
    for (const PathIndex from : hidden) replace_path(plan, from, empty);
    // A place that is partly hidden is no place.
    for (const Expr& call : plan.exprs) {
        if (!looks_inside(call)) continue;
        Expr& operand = plan.exprs[call.operands[0]];
        if (operand.op == Op::path && is_at_or_below(path, plan.paths[operand.path]))
            operand.path = empty;
    }
    prune(plan);
    plan.hidden.push_back(path);
}

// How a hidden property stands is hidden with it, and so is which property of a twin is the worst.
void hide_drift(Plan& plan, const Path& path) {
    const auto& way = path.segments;
    const bool holds_properties =
        way[0] == Segment("properties") &&
        (way.size() == 1 || way[1] == Segment("desired") || way[1] == Segment("reported"));
    if (!holds_properties) return;
    std::vector<PathIndex> hidden;
    for (PathIndex i = 0; i < plan.paths.size(); ++i) {
        const auto& own = plan.paths[i].segments;
        if (own.size() < 2 || own[0] != Segment("$drift")) continue;
        if (own[1] == Segment("path") || own[1] == Segment("words")) hidden.push_back(i);
        if (own.size() != 3 || own[1] != Segment("at")) continue;
        Path desired{.segments = {"properties", "desired"}, .time = false};
        for (const std::string_view key : twin::drift::keys_of(std::get<std::string>(own[2])))
            desired.segments.emplace_back(std::string(key));
        Path of_part = path;
        if (of_part.segments.size() > 1) of_part.segments[1] = "desired";
        if (is_at_or_below(desired, of_part)) hidden.push_back(i);
    }
    const PathIndex empty = place_of(plan, nowhere());
    for (const PathIndex from : hidden) replace_path(plan, from, empty);
    prune(plan);
}

}  // namespace

void narrow(Plan& plan, const Plan& condition) {
    CHECK(plan.collection == condition.collection && plan.missing == condition.missing);
    if (!condition.where) return;
    const auto first = static_cast<ExprIndex>(plan.exprs.size());
    for (Expr expr : condition.exprs) {
        if (expr.op == Op::path) expr.path = place_of(plan, condition.paths[expr.path]);
        for (ExprIndex& operand : expr.operands) operand += first;
        expr.offset = 0;
        plan.exprs.push_back(std::move(expr));
    }
    const ExprIndex added = first + *condition.where;
    if (!plan.where || is_none(plan.exprs[added])) {
        plan.where = added;
    } else if (!is_none(plan.exprs[*plan.where])) {
        Expr both;
        both.op = Op::logical_and;
        append_operands(plan, *plan.where, both.operands);
        append_operands(plan, added, both.operands);
        plan.exprs.push_back(std::move(both));
        plan.where = static_cast<ExprIndex>(plan.exprs.size() - 1);
    }
    prune(plan);
}

void hide(Plan& plan, const Path& path) {
    hide_drift(plan, path);
    hide_exactly(plan, path);
    if (const auto metadata = metadata_of(path)) hide_exactly(plan, *metadata);
}

void cut_hidden(const Plan& plan, json::object& document) {
    for (const Path& hidden : plan.hidden) cut(document, hidden.segments);
}

void cut_hidden(const Plan& plan, PathIndex path, json::value& value) {
    if (!value.is_object()) return;
    const Path& here = plan.paths[path];
    for (const Path& hidden : plan.hidden)
        if (is_at_or_below(hidden, here) && hidden.segments.size() > here.segments.size())
            cut(value.get_object(), std::span(hidden.segments).subspan(here.segments.size()));
}

}  // namespace twinhub::query

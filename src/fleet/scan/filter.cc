#include "fleet/scan/filter.h"

#include "query/print.h"

#include <algorithm>
#include <utility>

namespace twinhub::fleet {
namespace {

using query::Expr;
using query::Op;
using query::Truth;
using Kind = Condition::Kind;

// Blocks that are tried out to see how many rows pass, spread over the table; of conditions that
// ask each row, that many rows of each.
constexpr std::size_t sample_blocks = 4;
constexpr std::size_t sample_rows_of_slow = 32;
constexpr double slow_cost = 1'000;
constexpr double document_cost = 10'000'000;

// The constants that `deviceId` has to equal; nothing when the condition says something else.
std::optional<std::vector<std::string_view>> device_ids(const query::Plan& plan,
                                                        const Condition& condition) {
    if (condition.kind != Kind::leaf || condition.wanted != Truths(Truth::yes)) return std::nullopt;
    const Expr& expr = plan.expr(condition.expr);
    const auto is_device_id = [&](query::ExprIndex index) {
        const Expr& side = plan.expr(index);
        return side.op == Op::path &&
               plan.paths[side.path].segments == std::vector<query::Segment>{"deviceId"};
    };
    std::vector<std::string_view> ids;
    if (expr.op == Op::in && is_device_id(expr.operands[0])) {
        for (const json::value& one : expr.list)
            if (one.is_string()) ids.emplace_back(std::string_view(one.get_string()));
        return ids;
    }
    if (expr.op != Op::equal) return std::nullopt;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
        const Expr& constant = plan.expr(expr.operands[1 - side]);
        if (!is_device_id(expr.operands[side]) || constant.op != Op::constant) continue;
        if (!constant.undefined && constant.constant.is_string())
            ids.emplace_back(std::string_view(constant.constant.get_string()));
        return ids;
    }
    return std::nullopt;
}

std::string text_of(const query::Plan& plan, const Condition& condition) {
    switch (condition.kind) {
        case Kind::never: return "false";
        case Kind::always: return "true";
        case Kind::leaf: {
            std::string text = query::to_text(plan, condition.expr);
            if (condition.wanted == Truths(Truth::yes)) return text;
            return "NOT (" + std::move(text) + ")";
        }
        case Kind::all:
        case Kind::any: break;
    }
    std::string text;
    for (const Condition& part : condition.parts) {
        if (!text.empty()) text += condition.kind == Kind::all ? " AND " : " OR ";
        const bool nested = part.kind == Kind::all || part.kind == Kind::any;
        text += nested ? "(" + text_of(plan, part) + ")" : text_of(plan, part);
    }
    return text;
}

}  // namespace

Filter::Filter(const query::Plan& plan, const Table& table, Instant now)
    : plan_(&plan), table_(&table), evaluation_(std::make_unique<Evaluation>(plan, table, now)) {
    if (!plan.where) return;
    Condition where = condition_of(plan, *plan.where, Truth::yes);
    if (where.kind == Kind::all)
        for (Condition& part : where.parts) add(std::move(part));
    else if (where.kind != Kind::always) add(std::move(where));

    // One condition alone has no order; rows found by id are few.
    if (by_id_ || (parts_.size() < 2 && plan.explain == query::Explain::no)) return;
    for (Part& part : parts_) estimate(part);
    // What takes away most for its cost comes first.
    const auto price = [](const Part& part) {
        return part.cost / std::max(1 - part.facts.share, 0.001);
    };
    std::ranges::sort(parts_, {},
                      [&](const Part& part) { return std::pair(price(part), part.place); });
}

void Filter::add(Condition condition) {
    if (std::optional<std::vector<Row>> rows = by_id_ ? std::nullopt : look_up(condition)) {
        by_id_ = std::move(rows);
        id_facts_ = ConditionFacts{.op = "idLookup", .text = text_of(*plan_, condition)};
        id_facts_->rows_in = id_facts_->rows_out = by_id_->size();
        id_facts_->share = table_->live_count() == 0
                               ? 0
                               : static_cast<double>(by_id_->size()) / table_->live_count();
        return;
    }
    Part part{std::move(condition), {}, 0, {}, parts_.size()};
    part.facts.text = text_of(*plan_, part.condition);
    if (needs_document(part.condition)) {
        part.facts.op = "documentFilter";
        part.cost = document_cost;
        document_parts_.push_back(std::move(part));
        return;
    }
    part.node = node_of(part.condition);
    describe(part);
    parts_.push_back(std::move(part));
}

std::optional<std::vector<Row>> Filter::look_up(const Condition& condition) const {
    const auto ids = device_ids(*plan_, condition);
    if (!ids) return std::nullopt;
    std::vector<Row> rows;
    for (const std::string_view id : *ids) {
        table_->for_each_from(Key{id, {}}, [&](Row row) {
            if (table_->key(row).device != id) return false;
            rows.push_back(row);
            return true;
        });
    }
    return rows;
}

bool Filter::needs_document(const Condition& condition) const {
    if (condition.kind == Kind::leaf)
        return std::ranges::any_of(paths_of(*plan_, condition.expr), [&](query::PathIndex path) {
            return evaluation_->paths().needs_document(path);
        });
    return std::ranges::any_of(condition.parts,
                               [&](const Condition& part) { return needs_document(part); });
}

Filter::Node Filter::node_of(const Condition& condition) {
    Node node{condition.kind, {}, std::nullopt};
    if (condition.kind == Kind::leaf)
        node.leaf = leaf_of(*evaluation_, condition.expr, condition.wanted);
    for (const Condition& part : condition.parts) node.parts.push_back(node_of(part));
    return node;
}

// The dearest way of all leaves names the condition; what they cost adds up.
void Filter::describe(Part& part) {
    double dearest = -1;
    part.cost = 0;
    part.facts.op = "rowFilter";
    std::vector<const Node*> left{&part.node};
    while (!left.empty()) {
        const Node& node = *left.back();
        left.pop_back();
        for (const Node& one : node.parts) left.push_back(&one);
        if (!node.leaf) continue;
        const LeafWay way = way_of(*node.leaf);
        part.cost += way.cost;
        if (way.cost <= dearest) continue;
        dearest = way.cost;
        part.facts.op = way.op;
    }
}

void Filter::estimate(Part& part) {
    const std::size_t blocks = (table_->capacity() + block_rows - 1) / block_rows;
    const std::size_t step = std::max<std::size_t>(1, blocks / sample_blocks);
    std::size_t looked = 0;
    std::size_t passed = 0;
    for (std::size_t index = 0; index < blocks; index += step) {
        const Block block = Block::of(*table_, index);
        Bits rows;
        std::copy_n(table_->live().begin() + block.first / 64, block.size / 64, rows.words.begin());
        if (part.cost >= slow_cost) {
            std::size_t left = sample_rows_of_slow;
            rows.filter([&](std::size_t) { return left > 0 && left-- > 0; });
        }
        looked += rows.count();
        keep(part.node, block, rows);
        passed += rows.count();
    }
    // A sample without any does not mean that there is none.
    if (looked > 0)
        part.facts.share = (static_cast<double>(passed) + 0.5) / (static_cast<double>(looked) + 1);
    describe(part);  // the sample may have settled how a leaf works
}

void Filter::keep(Node& node, const Block& block, Bits& rows) {
    switch (node.kind) {
        case Kind::always: return;
        case Kind::never: rows = Bits(); return;
        case Kind::leaf: return fleet::keep(*node.leaf, block, rows);
        case Kind::all:
            for (Node& part : node.parts) {
                keep(part, block, rows);
                if (rows.none()) return;
            }
            return;
        case Kind::any: {
            Bits found;
            for (Node& part : node.parts) {
                Bits more = rows;
                keep(part, block, more);
                found |= more;
                rows -= more;
                if (rows.none()) break;
            }
            rows = found;
        }
    }
}

void Filter::keep(const Block& block, Bits& rows) {
    std::size_t left = rows.count();
    for (Part& part : parts_) {
        if (left == 0) return;
        part.facts.rows_in += left;
        ++part.facts.blocks;
        keep(part.node, block, rows);
        left = rows.count();
        part.facts.rows_out += left;
    }
}

bool Filter::holds(const Condition& condition, query::RowSource& row) {
    const auto part_holds = [&](const Condition& part) { return holds(part, row); };
    switch (condition.kind) {
        case Kind::never: return false;
        case Kind::always: return true;
        case Kind::all: return std::ranges::all_of(condition.parts, part_holds);
        case Kind::any: return std::ranges::any_of(condition.parts, part_holds);
        case Kind::leaf: return condition.wanted.has(evaluation_->of(condition.expr, row));
    }
    std::unreachable();
}

bool Filter::passes_columns(Row row) {
    ColumnRow source(evaluation_->paths(), row);
    return std::ranges::all_of(parts_, [&](Part& part) {
        const bool passed = holds(part.condition, source);
        ++part.facts.rows_in;
        part.facts.rows_out += passed;
        return passed;
    });
}

bool Filter::passes_document(query::RowSource& document) {
    return std::ranges::all_of(document_parts_, [&](Part& part) {
        const bool passed = holds(part.condition, document);
        ++part.facts.rows_in;
        part.facts.rows_out += passed;
        return passed;
    });
}

std::vector<ConditionFacts> Filter::facts() const {
    std::vector<ConditionFacts> all;
    if (id_facts_) all.push_back(*id_facts_);
    for (const Part& part : parts_) all.push_back(part.facts);
    for (const Part& part : document_parts_) all.push_back(part.facts);
    return all;
}

double Filter::share() const {
    double share = 1;
    for (const ConditionFacts& facts : facts()) share *= facts.share;
    return share;
}

}  // namespace twinhub::fleet

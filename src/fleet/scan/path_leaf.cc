#include "fleet/scan/path_leaf.h"

namespace twinhub::fleet {
namespace {

using query::Expr;
using query::Op;
using query::Truth;
using query::Value;

std::optional<Order> order_of(Op op) {
    switch (op) {
        case Op::equal: return Order::equal;
        case Op::not_equal: return Order::different;
        case Op::less: return Order::less;
        case Op::less_equal: return Order::less_equal;
        case Op::greater: return Order::greater;
        case Op::greater_equal: return Order::greater_equal;
        default: return std::nullopt;
    }
}

Order negated(Order order) {
    constexpr Order by_order[] = {Order::greater_equal, Order::greater, Order::different,
                                  Order::equal,         Order::less,    Order::less_equal};
    return by_order[static_cast<std::size_t>(order)];
}

// The same comparison with its sides exchanged.
Order mirrored(Order order) {
    constexpr Order by_order[] = {Order::greater,   Order::greater_equal, Order::equal,
                                  Order::different, Order::less_equal,    Order::less};
    return by_order[static_cast<std::size_t>(order)];
}

struct Comparison {
    Order order;
    double limit;
};

// `path <op> number` or `number <op> path`.
std::optional<Comparison> number_comparison(const query::Plan& plan, const Expr& expr) {
    const std::optional<Order> order = order_of(expr.op);
    if (!order || expr.time) return std::nullopt;
    const Expr& left = plan.expr(expr.operands[0]);
    const Expr& right = plan.expr(expr.operands[1]);
    const auto is_number = [](const Expr& side) {
        return side.op == Op::constant && !side.undefined && side.constant.is_double();
    };
    if (left.op == Op::path && is_number(right))
        return Comparison{*order, right.constant.get_double()};
    if (right.op == Op::path && is_number(left))
        return Comparison{mirrored(*order), left.constant.get_double()};
    return std::nullopt;
}

}  // namespace

PathLeaf::PathLeaf(Evaluation& evaluation, query::ExprIndex expr, query::PathIndex path,
                   Truths wanted)
    : evaluation_(&evaluation),
      expr_(expr),
      path_(path),
      wanted_(wanted),
      verdicts_(expr, wanted),
      wants_missing_(wants(Value())) {
    if (const auto test = number_comparison(evaluation.plan(), evaluation.plan().expr(expr))) {
        const bool yes = wanted.has(Truth::yes);
        const bool no = wanted.has(Truth::no);
        number_test_ = NumberTest{std::nullopt, yes && no, test->limit};
        if (yes != no) number_test_->order = yes ? test->order : negated(test->order);
    }
}

bool PathLeaf::wants(const Value& value) {
    return wanted_.has(evaluation_->of_value(expr_, value));
}

// The costs are nanoseconds for a hundred rows, more or less.
LeafWay PathLeaf::way() const {
    const Column* column = evaluation_->paths().column(path_);
    if (collected_ || column == nullptr) return {"sparseScan", 0.5};
    if (column->content() == Content::times) return {"timeScan", tick_range_ ? 30. : 20'000};
    if (column->content() != Content::values) return {"rowFilter", 5'000};
    switch (column->form()) {
        case Form::sparse: return {"sparseScan", 0.5};
        case Form::codes8: return {"codeScan", 3};
        case Form::codes16: return {"codeScan", 5};
        case Form::codes32: return {"codeScan", 10};
        case Form::words: return {"wordScan", number_test_ ? 20. : 5'000};
        case Form::ticks:
        case Form::ids: break;
    }
    return {"rowFilter", 5'000};
}

void PathLeaf::keep(const Block& block, Bits& rows) {
    if (collected_) return keep_sparse(block, rows);
    const Column* column = evaluation_->paths().column(path_);
    if (column == nullptr) {
        if (!wants_missing_) rows = Bits();
        return;
    }
    if (column->content() == Content::times) return keep_ticks(*column, block, rows);
    if (column->content() != Content::values) return keep_each(block, rows);
    switch (column->form()) {
        case Form::sparse: collect_sparse(*column); return keep_sparse(block, rows);
        case Form::codes8:
        case Form::codes16:
        case Form::codes32:
            return verdicts_.keep(*evaluation_, *column, block.first, block.size, rows);
        case Form::words: return keep_words(*column, block, rows);
        case Form::ticks:
        case Form::ids: return keep_each(block, rows);
    }
}

void PathLeaf::keep_words(const Column& column, const Block& block, Bits& rows) {
    const Word* words = column.words().data() + block.first;
    // The cells that are no numbers hold a few values, mostly none.
    Word last;
    bool last_wanted = wants_missing_;
    const auto wants_code = [&](Word word) {
        if (word != last) {
            last = word;
            last_wanted = wants(column.dictionary().value(word.code(), scratch_));
        }
        return last_wanted;
    };
    if (!number_test_) {
        rows.filter([&](std::size_t i) {
            return words[i].is_number() ? wants(Value::number(words[i].number()))
                                        : wants_code(words[i]);
        });
        return;
    }
    Bits others;
    not_numbers(words, block.size, others);
    others &= rows;
    Bits numbers;
    if (number_test_->order)
        compare_numbers(words, block.size, *number_test_->order, number_test_->limit, numbers);
    else if (number_test_->all) (numbers = rows) -= others;
    if (!others.none()) others.filter([&](std::size_t i) { return wants_code(words[i]); });
    numbers |= others;
    rows &= numbers;
}

void PathLeaf::keep_ticks(const Column& column, const Block& block, Bits& rows) {
    if (!tick_range_looked_for_) {
        tick_range_ = tick_range(*evaluation_, expr_, wanted_);
        tick_range_looked_for_ = true;
    }
    if (!tick_range_) return keep_each(block, rows);
    const std::int64_t* ticks = column.ticks().data() + block.first;
    Bits found;
    between(ticks, block.size, tick_range_->from, tick_range_->to, found);
    if (wants_missing_) {
        Bits missing;
        between(ticks, block.size, Column::no_tick, Column::no_tick, missing);
        found |= missing;
    }
    rows &= found;
}

void PathLeaf::collect_sparse(const Column& column) {
    exceptions_.assign(evaluation_->table().capacity() / 64, 0);
    column.for_each([&](Row row, Word word) {
        const Value value = word.is_number() ? Value::number(word.number())
                                             : column.dictionary().value(word.code(), scratch_);
        if (wants(value) != wants_missing_) exceptions_[row / 64] |= std::uint64_t{1} << (row % 64);
    });
    collected_ = true;
}

void PathLeaf::keep_sparse(const Block& block, Bits& rows) {
    // Rows beyond were not there when the scan began.
    const std::size_t first = block.first / 64;
    for (std::size_t w = 0; w < block_words; ++w) {
        const std::uint64_t word = first + w < exceptions_.size() ? exceptions_[first + w] : 0;
        rows.words[w] &= wants_missing_ ? ~word : word;
    }
}

void PathLeaf::keep_each(const Block& block, Bits& rows) {
    rows.filter([&](std::size_t i) {
        return wants(evaluation_->paths().value(path_, block.first + static_cast<Row>(i)));
    });
}

}  // namespace twinhub::fleet

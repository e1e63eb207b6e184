#include "fleet/scan/pair_leaf.h"

#include "fleet/scan/kernels.h"

#include <utility>

namespace twinhub::fleet {
namespace {

using query::Truth;
using query::Type;

bool has_codes(const Column* column) {
    return column != nullptr && column->content() == Content::values &&
           (column->form() == Form::codes8 || column->form() == Form::codes16 ||
            column->form() == Form::codes32);
}

// Calls `use` with the cells of a column of codes, from a row on.
template <class Use>
void with_codes(const Column& column, Row first, Use&& use) {
    switch (column.form()) {
        case Form::codes8: return use(column.codes8().data() + first);
        case Form::codes16: return use(column.codes16().data() + first);
        default: return use(column.codes32().data() + first);
    }
}

}  // namespace

PairLeaf::PairLeaf(Evaluation& evaluation, query::ExprIndex expr, Truths wanted)
    : evaluation_(&evaluation),
      expr_(expr),
      left_(evaluation.plan().expr(evaluation.plan().expr(expr).operands[0]).path),
      right_(evaluation.plan().expr(evaluation.plan().expr(expr).operands[1]).path),
      wanted_(wanted) {
    const bool equal = evaluation.plan().expr(expr).op == query::Op::equal;
    wants_same_ = wanted.has(equal ? Truth::yes : Truth::no);
    wants_different_ = wanted.has(equal ? Truth::no : Truth::yes);
}

bool PairLeaf::compares_codes() const {
    const Column* a = left();
    const Column* b = right();
    return has_codes(a) && has_codes(b) && &a->dictionary() == &b->dictionary();
}

void PairLeaf::keep(const Block& block, Bits& rows) {
    if (compares_codes()) keep_codes(*left(), *right(), block, rows);
    else keep_each(block, rows);
}

void PairLeaf::keep_codes(const Column& a, const Column& b, const Block& block, Bits& rows) {
    const Dictionary& dictionary = a.dictionary();
    if (dictionary_ != &dictionary || revision_ != dictionary.revision()) start(dictionary);
    with_codes(a, block.first, [&](const auto* left) {
        with_codes(b, block.first, [&](const auto* right) {
            Bits different;
            if constexpr (sizeof(*left) >= sizeof(*right))
                different_codes(left, right, block.size, different);
            else different_codes(right, left, block.size, different);
            // Rows whose sides cannot be compared are left to the evaluator; without a wish for
            // `undefined` a glance at the types shows that they are out.
            const bool ask = wanted_.has(Truth::undefined) ||
                             evaluation_->plan().missing == query::MissingCompares::different;
            const auto wants = [&](std::size_t i) {
                const std::uint8_t type = comparable_[left[i]];
                if (type != 0 && type == comparable_[right[i]])
                    return different.test(i) ? wants_different_ : wants_same_;
                return ask &&
                       wanted_.has(evaluation_->of_row(expr_, block.first + static_cast<Row>(i)));
            };
            if (!ask && !wants_same_) rows &= different;
            if (!ask && !wants_different_) {
                rows -= different;
                // Equal codes have equal types: only the code decides.
                Bits comparable;
                look_up_codes(left, block.size, comparable_.data(), 0xff, comparable);
                rows &= comparable;
                return;
            }
            rows.filter(wants);
        });
    });
}

void PairLeaf::start(const Dictionary& dictionary) {
    dictionary_ = &dictionary;
    revision_ = dictionary.revision();
    comparable_.resize(dictionary.size());
    for (Code code = 0; code < dictionary.size(); ++code) {
        const Type type = dictionary.type(code);
        const bool primitive = type == Type::null || type == Type::boolean ||
                               type == Type::number || type == Type::string;
        comparable_[code] = primitive ? static_cast<std::uint8_t>(type) : std::uint8_t{0};
    }
}

void PairLeaf::keep_each(const Block& block, Bits& rows) {
    const Column* a = left();
    const Column* b = right();
    const bool words = a != nullptr && b != nullptr && a->form() == Form::words &&
                       b->form() == Form::words && a->content() == Content::values &&
                       b->content() == Content::values;
    rows.filter([&](std::size_t i) {
        const Row row = block.first + static_cast<Row>(i);
        if (words) {
            const Word x = a->words()[row];
            const Word y = b->words()[row];
            if (x.is_number() && y.is_number()) return x == y ? wants_same_ : wants_different_;
        }
        return wanted_.has(evaluation_->of_row(expr_, row));
    });
}

}  // namespace twinhub::fleet

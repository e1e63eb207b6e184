#include "fleet/scan/code_verdicts.h"

#include "fleet/scan/kernels.h"

#include <algorithm>
#include <array>
#include <limits>

namespace twinhub::fleet {
namespace {

using query::Expr;
using query::Op;
using query::Truth;
using query::Value;

// The constant that a path is compared with for equality; null when the expression is another one.
const json::value* equal_constant(const query::Plan& plan, const Expr& expr) {
    if (expr.op != Op::equal || expr.time) return nullptr;
    for (const query::ExprIndex operand : expr.operands) {
        const Expr& side = plan.expr(operand);
        if (side.op == Op::constant && !side.undefined && side.constant.is_primitive())
            return &side.constant;
    }
    return nullptr;
}

bool is_plain_in(const query::Plan& plan, const Expr& expr) {
    return expr.op == Op::in && !expr.time && plan.expr(expr.operands.front()).op == Op::path;
}

bool compares_a_path(const query::Plan& plan, const Expr& expr) {
    return std::ranges::any_of(
        expr.operands, [&](query::ExprIndex operand) { return plan.expr(operand).op == Op::path; });
}

}  // namespace

void CodeVerdicts::keep(Evaluation& evaluation, const Column& column, Row first, std::size_t size,
                        Bits& rows) {
    const Dictionary& dictionary = column.dictionary();
    if (dictionary_ != &dictionary || revision_ != dictionary.revision())
        start(evaluation, dictionary);
    switch (column.form()) {
        case Form::codes8:
            return keep(evaluation, dictionary, column.codes8().data() + first, size, rows);
        case Form::codes16:
            return keep(evaluation, dictionary, column.codes16().data() + first, size, rows);
        default: return keep(evaluation, dictionary, column.codes32().data() + first, size, rows);
    }
}

template <class Code>
void CodeVerdicts::keep(Evaluation& evaluation, const Dictionary& dictionary, const Code* codes,
                        std::size_t size, Bits& rows) {
    Bits found;
    if (compared_.size() <= matched_codes_max<Code> && compares_) {
        std::array<Code, matched_codes_max<Code>> few;
        std::size_t count = 0;
        for (const fleet::Code code : compared_)
            // One that the form has no room for stands in no row.
            if (code <= std::numeric_limits<Code>::max()) few[count++] = static_cast<Code>(code);
        match_codes(codes, size, std::span<const Code>(few).first(count), found);
        compares_unwanted_ ? rows -= found : rows &= found;
        return;
    }
    if (!all_known_) {
        look_up_codes(codes, size, table_.data(), unknown, found);
        found &= rows;
        found.each([&](std::size_t i) {
            if (table_[codes[i]] == unknown) decide(evaluation, dictionary, codes[i]);
        });
        // So few are left that looking for them in every block would cost more.
        if (unknown_ <= eager_codes_max) decide_all(evaluation, dictionary);
    }
    look_up_codes(codes, size, table_.data(), wanted_.bits(), found);
    rows &= found;
}

void CodeVerdicts::start(Evaluation& evaluation, const Dictionary& dictionary) {
    dictionary_ = &dictionary;
    revision_ = dictionary.revision();
    compared_.clear();
    compares_ = false;
    compares_unwanted_ = false;
    const Expr& expr = evaluation.plan().expr(expr_);
    if (wanted_ == Truths(Truth::yes) && compares_a_path(evaluation.plan(), expr) &&
        (is_plain_in(evaluation.plan(), expr) ||
         equal_constant(evaluation.plan(), expr) != nullptr)) {
        if (const json::value* constant = equal_constant(evaluation.plan(), expr)) {
            if (const auto code = dictionary.find(Value::of(*constant))) compared_.push_back(*code);
        } else {
            for (const json::value& one : expr.list)
                if (const auto code = dictionary.find(Value::of(one))) compared_.push_back(*code);
        }
        all_known_ = true;
        compares_ = true;
        table_.assign(compared_.size() > matched_codes_max<std::uint32_t> ? dictionary.size() : 0,
                      Truths::bit(Truth::no));
        if (!table_.empty())
            for (const Code code : compared_) table_[code] = wanted_.bits();
        return;
    }
    table_.assign(dictionary.size(), unknown);
    unknown_ = dictionary.size();
    all_known_ = false;
    if (dictionary.size() > eager_codes_max) return;
    decide_all(evaluation, dictionary);
    const auto wanted = static_cast<std::size_t>(std::ranges::count_if(
        table_, [&](std::uint8_t truth) { return (truth & wanted_.bits()) != 0; }));
    const std::size_t unwanted = table_.size() - wanted;
    compares_ = std::min(wanted, unwanted) <= matched_codes_max<std::uint8_t>;
    compares_unwanted_ = unwanted < wanted;
    if (!compares_) return;
    for (Code code = 0; code < dictionary.size(); ++code)
        if (((table_[code] & wanted_.bits()) == 0) == compares_unwanted_) compared_.push_back(code);
}

void CodeVerdicts::decide(Evaluation& evaluation, const Dictionary& dictionary, Code code) {
    --unknown_;
    table_[code] = Truths::bit(evaluation.of_value(expr_, dictionary.value(code, scratch_)));
}

void CodeVerdicts::decide_all(Evaluation& evaluation, const Dictionary& dictionary) {
    for (Code code = 0; code < dictionary.size(); ++code)
        if (table_[code] == unknown) decide(evaluation, dictionary, code);
    all_known_ = true;
}

}  // namespace twinhub::fleet

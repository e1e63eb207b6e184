#include "fleet/scan/group_keys.h"

#include "fleet/scan/key_bytes.h"

namespace twinhub::fleet {

using query::Value;

std::uint32_t GroupKeys::number_of(const Value& value) {
    buffer_.clear();
    append_group_key(buffer_, value);
    const auto [at, is_new] =
        by_value_.try_emplace(buffer_, static_cast<std::uint32_t>(values_.size()));
    if (is_new) values_.push_back(&at->first);
    return at->second;
}

std::uint32_t GroupKeys::number_of(const Column& column, Word word, Row row, std::uint32_t& known) {
    const Value value = word.is_number() ? Value::number(word.number())
                                         : column.dictionary().value(word.code(), scratch_);
    if (value.is(query::Type::object)) return number_of(paths_->value(path_, row));
    return known = number_of(value);
}

template <class Code>
void GroupKeys::number_codes(const Column& column, const Code* codes, const Block& block,
                             std::span<const std::uint16_t> rows,
                             std::span<std::uint32_t> numbers) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Code code = codes[rows[i]];
        std::uint32_t& known = by_code_[code];
        numbers[i] = known != none
                         ? known
                         : number_of(column, Word::of_code(code), block.first + rows[i], known);
    }
}

void GroupKeys::number(const Block& block, std::span<const std::uint16_t> rows,
                       std::span<std::uint32_t> numbers) {
    const Column* column = paths_->simple(path_) ? paths_->column(path_) : nullptr;
    if (column == nullptr || column->content() != Content::values) {
        for (std::size_t i = 0; i < rows.size(); ++i)
            numbers[i] = number_of(paths_->value(path_, block.first + rows[i]));
        return;
    }
    if (dictionary_ != &column->dictionary() || revision_ != column->dictionary().revision()) {
        dictionary_ = &column->dictionary();
        revision_ = dictionary_->revision();
        by_code_.assign(dictionary_->size(), none);
        by_word_.clear();
    }
    switch (column->form()) {
        case Form::codes8:
            return number_codes(*column, column->codes8().data() + block.first, block, rows,
                                numbers);
        case Form::codes16:
            return number_codes(*column, column->codes16().data() + block.first, block, rows,
                                numbers);
        case Form::codes32:
            return number_codes(*column, column->codes32().data() + block.first, block, rows,
                                numbers);
        default:
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const Row row = block.first + rows[i];
                const Word word = column->word(row);
                std::uint32_t& known = by_word_.try_emplace(word.bits(), none).first->second;
                numbers[i] = known != none ? known : number_of(*column, word, row, known);
            }
    }
}

}  // namespace twinhub::fleet

#include "fleet/scan/number_table.h"

#include <bit>
#include <limits>

namespace twinhub::fleet {

bool NumberTable::read(const Column& column, const Block& block,
                       std::span<const std::uint16_t> rows, std::span<double> numbers) {
    if (column.content() != Content::values) return false;
    if (column.form() == Form::words) {
        const Word* words = column.words().data() + block.first;
        for (std::size_t i = 0; i < rows.size(); ++i)
            numbers[i] = std::bit_cast<double>(words[rows[i]]);  // codes are NaNs
        return true;
    }
    if (column.form() == Form::sparse || !start(column.dictionary())) return false;
    switch (column.form()) {
        case Form::codes8:
            read_codes(column.codes8().data() + block.first, rows, numbers);
            return true;
        case Form::codes16:
            read_codes(column.codes16().data() + block.first, rows, numbers);
            return true;
        case Form::codes32:
            read_codes(column.codes32().data() + block.first, rows, numbers);
            return true;
        default: return false;
    }
}

bool NumberTable::start(const Dictionary& dictionary) {
    // Making the table must not take longer than a slice may.
    constexpr Code codes_max = 1 << 16;
    if (dictionary.size() > codes_max) return false;
    if (dictionary_ == &dictionary && revision_ == dictionary.revision()) return true;
    dictionary_ = &dictionary;
    revision_ = dictionary.revision();
    by_code_.assign(dictionary.size(), std::numeric_limits<double>::quiet_NaN());
    Scratch scratch;
    for (Code code = 0; code < dictionary.size(); ++code)
        if (dictionary.type(code) == query::Type::number)
            by_code_[code] = dictionary.value(code, scratch).number();
    return true;
}

}  // namespace twinhub::fleet

#include "fleet/sparse_cells.h"

namespace twinhub::fleet {
namespace {

constexpr std::size_t full_capacity_max = 4;  // up to here no slot is kept free

std::size_t capacity_for(std::size_t size) {
    std::size_t capacity = size == 0 ? 0 : 1;
    while (capacity <= full_capacity_max ? capacity < size : size * 4 > capacity * 3) capacity *= 2;
    return capacity;
}

}  // namespace

std::size_t SparseCells::home(Row row) const {
    return (row * 0x9E37'79B9'7F4A'7C15u >> 32) & (rows_.size() - 1);
}

// Ends at a free slot or, in a full one, after a whole turn.
std::size_t SparseCells::slot(Row row) const {
    std::size_t at = home(row);
    for (std::size_t step = 0; step < rows_.size(); ++step) {
        if (rows_[at] == row || rows_[at] == none) return at;
        at = (at + 1) & (rows_.size() - 1);
    }
    return rows_.size();
}

Word SparseCells::find(Row row) const {
    const std::size_t at = slot(row);
    return at < rows_.size() && rows_[at] == row ? words_[at] : Word();
}

Word SparseCells::set(Row row, Word word) {
    std::size_t at = slot(row);
    if (at < rows_.size() && rows_[at] == row) {
        const Word before = std::exchange(words_[at], word);
        if (word.is_undefined()) remove(at);
        return before;
    }
    if (word.is_undefined()) return {};
    if (const std::size_t capacity = capacity_for(size_ + 1); capacity > rows_.size()) {
        resize(capacity);
        at = slot(row);
    }
    rows_[at] = row;
    words_[at] = word;
    ++size_;
    return {};
}

// Closes the gap: moves back what would not be found behind it.
void SparseCells::remove(std::size_t gap) {
    const std::size_t mask = rows_.size() - 1;
    std::size_t at = gap;
    for (std::size_t step = 1; step < rows_.size(); ++step) {
        at = (at + 1) & mask;
        if (rows_[at] == none) break;
        const std::size_t way = (at - home(rows_[at])) & mask;  // from its home to where it is
        if (way < ((at - gap) & mask)) continue;
        rows_[gap] = rows_[at];
        words_[gap] = words_[at];
        gap = at;
    }
    rows_[gap] = none;
    --size_;
    if (capacity_for(size_ * 2) < rows_.size()) resize(capacity_for(size_));
}

void SparseCells::resize(std::size_t capacity) {
    Buffer<Row> rows(capacity, none);
    Buffer<Word> words(capacity, Word());
    std::swap(rows, rows_);
    std::swap(words, words_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] == none) continue;
        const std::size_t at = slot(rows[i]);
        rows_[at] = rows[i];
        words_[at] = words[i];
    }
}

}  // namespace twinhub::fleet

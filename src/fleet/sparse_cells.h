#pragma once

#include "fleet/buffer.h"
#include "fleet/word.h"

#include <optional>

namespace twinhub::fleet {

// The cells of a column that few rows have: a hash map of row to word in two bare arrays, because
// a fleet may have a million columns of one cell each.
class SparseCells {
public:
    std::uint32_t size() const { return size_; }
    Word find(Row row) const;  // undefined when it has none

    // Returns what was there. An undefined word removes.
    Word set(Row row, Word word);

    // In no particular order.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (std::size_t i = 0; i < rows_.size(); ++i)
            if (rows_[i] != none) visit(rows_[i], words_[i]);
    }
    template <class Change>
    void update_each(Change&& change) {  // must not make a word undefined
        for (std::size_t i = 0; i < rows_.size(); ++i)
            if (rows_[i] != none) words_[i] = change(words_[i]);
    }
    std::size_t bytes() const { return rows_.bytes() + words_.bytes(); }

private:
    static constexpr Row none = 0xFFFF'FFFF;

    std::size_t home(Row row) const;
    std::size_t slot(Row row) const;  // of the row, or where it would go
    void remove(std::size_t gap);
    void resize(std::size_t capacity);

    Buffer<Row> rows_;  // a power of two, or none
    Buffer<Word> words_;
    std::uint32_t size_ = 0;
};

}  // namespace twinhub::fleet

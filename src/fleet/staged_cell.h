#pragma once

#include "fleet/dictionary.h"
#include "fleet/word.h"

namespace twinhub::fleet {

// A value on its way into a column, for one row or some that follow each other. Its text is
// borrowed.
class StagedCell {
public:
    StagedCell(Row row, const Dictionary::Key& key) : row_(row), head_(key.head) {
        if (key.has_text()) text_ = key.text.data();
        else bits_ = key.bits;
    }

    Row row() const { return row_; }
    std::uint32_t rows() const { return rows_; }
    Dictionary::Key key() const {
        Dictionary::Key key{head_, 0, {}};
        if (key.has_text()) key.text = {text_, key.length()};
        else key.bits = bits_;
        return key;
    }

    // Takes in one row more, if it is the next one and has the same value.
    bool extend(Row row, const Dictionary::Key& key) {
        if (row != row_ + rows_ || key.head != head_) return false;
        if (key.has_text() ? key.text != this->key().text : key.bits != bits_) return false;
        ++rows_;
        return true;
    }

private:
    Row row_;
    std::uint32_t rows_ = 1;
    std::uint32_t head_;
    union {
        std::uint64_t bits_;
        const char* text_;
    };
};

}  // namespace twinhub::fleet

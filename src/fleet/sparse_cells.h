#pragma once

#include "fleet/buffer.h"
#include "fleet/word.h"

#include <array>
#include <bit>
#include <cstdint>

namespace twinhub::fleet {

// The cells of a column that few rows have: a hash map of row to word in one bare array of twelve
// bytes a slot, because a fleet may have a million columns of one cell each.
class SparseCells {
public:
    std::uint32_t size() const { return size_; }
    Word find(Row row) const;  // undefined when it has none

    // Returns what was there. An undefined word removes.
    Word set(Row row, Word word);

    // In no particular order.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const Slot& slot : slots_)
            if (slot.row != none) visit(slot.row, slot.word());
    }
    template <class Change>
    void update_each(Change&& change) {  // must not make a word undefined
        for (Slot& slot : slots_)
            if (slot.row != none) slot.put(change(slot.word()));
    }
    std::size_t bytes() const { return slots_.bytes(); }

private:
    static constexpr Row none = 0xFFFF'FFFF;

    struct Slot {
        Row row = none;
        std::array<std::uint32_t, 2> bits{};  // of the word, without the padding of a whole one

        Word word() const { return Word::from_bits(std::bit_cast<std::uint64_t>(bits)); }
        void put(Word word) { bits = std::bit_cast<std::array<std::uint32_t, 2>>(word.bits()); }
    };

    std::size_t home(Row row) const;
    std::size_t place(Row row) const;  // of the row, or where it would go
    void remove(std::size_t gap);
    void resize(std::size_t capacity);

    Buffer<Slot> slots_;  // a power of two, or none
    std::uint32_t size_ = 0;
};

}  // namespace twinhub::fleet

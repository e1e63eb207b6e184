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
    return (row * 0x9E37'79B9'7F4A'7C15u >> 32) & (slots_.size() - 1);
}

// Ends at a free slot or, in a full one, after a whole turn.
std::size_t SparseCells::place(Row row) const {
    std::size_t at = home(row);
    for (std::size_t step = 0; step < slots_.size(); ++step) {
        if (slots_[at].row == row || slots_[at].row == none) return at;
        at = (at + 1) & (slots_.size() - 1);
    }
    return slots_.size();
}

Word SparseCells::find(Row row) const {
    const std::size_t at = place(row);
    return at < slots_.size() && slots_[at].row == row ? slots_[at].word() : Word();
}

Word SparseCells::set(Row row, Word word) {
    std::size_t at = place(row);
    if (at < slots_.size() && slots_[at].row == row) {
        const Word before = slots_[at].word();
        slots_[at].put(word);
        if (word.is_undefined()) remove(at);
        return before;
    }
    if (word.is_undefined()) return {};
    if (const std::size_t capacity = capacity_for(size_ + 1); capacity > slots_.size()) {
        resize(capacity);
        at = place(row);
    }
    slots_[at].row = row;
    slots_[at].put(word);
    ++size_;
    return {};
}

// Closes the gap: moves back what would not be found behind it.
void SparseCells::remove(std::size_t gap) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = gap;
    for (std::size_t step = 1; step < slots_.size(); ++step) {
        at = (at + 1) & mask;
        if (slots_[at].row == none) break;
        const std::size_t way = (at - home(slots_[at].row)) & mask;  // from its home to where it is
        if (way < ((at - gap) & mask)) continue;
        slots_[gap] = slots_[at];
        gap = at;
    }
    slots_[gap].row = none;
    --size_;
    if (capacity_for(size_ * 2) < slots_.size()) resize(capacity_for(size_));
}

void SparseCells::resize(std::size_t capacity) {
    Buffer<Slot> slots(capacity, Slot());
    std::swap(slots, slots_);
    for (const Slot& slot : slots)
        if (slot.row != none) slots_[place(slot.row)] = slot;
}

}  // namespace twinhub::fleet

#include "fleet/hash_index.h"

#include <algorithm>
#include <cstring>

namespace twinhub::fleet {
namespace {

constexpr std::uint32_t overhang_for(std::uint32_t capacity) {
    return std::min(capacity / 4 + 2, 64u);
}

constexpr std::uint32_t capacity_for(std::uint32_t size) {  // at most four fifths are in use
    return static_cast<std::uint32_t>(std::uint64_t{size} * 5 / 4 + 1);
}

}  // namespace

void HashIndex::insert(std::uint32_t hash, std::uint32_t number) {
    if (capacity_for(size_ + 1) > capacity_) resize(size_ + size_ / 4 + 4);
    const std::uint64_t added = slot_of(hash, number);
    while (true) {
        std::uint64_t* place = &slots_[home(hash)];
        while (*place < added) ++place;
        std::uint64_t* gap = place;
        while (*gap != empty) ++gap;
        if (gap == slots_.end() - 1) {
            rebuild(capacity_, 2 * overhang());
            continue;
        }
        std::memmove(place + 1, place, static_cast<std::size_t>(gap - place) * sizeof *place);
        *place = added;
        ++size_;
        return;
    }
}

void HashIndex::erase(std::uint32_t hash, std::uint32_t number) {
    const std::uint64_t gone = slot_of(hash, number);
    std::size_t at = home(hash);
    while (slots_[at] != gone) ++at;
    // What stood behind its place because of it moves up.
    for (; slots_[at + 1] != empty && home(slots_[at + 1] >> 32) <= at; ++at)
        slots_[at] = slots_[at + 1];
    slots_[at] = empty;
    --size_;
    if (capacity_for(size_) < capacity_ / 8) resize(size_ + size_ / 4);
}

void HashIndex::reserve(std::uint32_t size) {
    if (capacity_for(size) > capacity_) resize(size);
}

void HashIndex::resize(std::uint32_t size) {
    rebuild(capacity_for(size), overhang_for(capacity_for(size)));
}

void HashIndex::rebuild(std::uint32_t capacity, std::uint32_t overhang) {
    capacity_ = capacity;
    Buffer<std::uint64_t> slots(std::size_t{capacity} + overhang + 1, empty);
    std::size_t next = 0;
    for (const std::uint64_t slot : slots_) {
        if (slot == empty) continue;
        next = std::max(next, home(slot >> 32));
        if (next + 1 == slots.size()) return rebuild(capacity, 2 * overhang);
        slots[next++] = slot;
    }
    slots_ = std::move(slots);
}

}  // namespace twinhub::fleet

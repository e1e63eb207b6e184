#pragma once

#include "fleet/buffer.h"

#include <cstdint>
#include <limits>
#include <optional>

namespace twinhub::fleet {

// Numbers that somebody else keeps keys for, found by the hashes of these. A slot holds hash and
// number, so that keys are looked at only where a hash agrees, and never when the index grows. The
// slots lie in the order of their hashes, each at the place that its hash asks for or behind:
// growing is one pass from front to back, and a search ends where a greater hash begins.
class HashIndex {
public:
    // A hash of any width, as it is taken here.
    static std::uint32_t folded(std::uint64_t hash) {
        return static_cast<std::uint32_t>(hash ^ hash >> 32);
    }

    std::uint32_t size() const { return size_; }

    // The number with this hash that `same(number)` is true of.
    template <class Same>
    std::optional<std::uint32_t> find(std::uint32_t hash, Same&& same) const {
        if (size_ == 0) return std::nullopt;
        const std::uint64_t* slot = &slots_[home(hash)];
        while (*slot < slot_of(hash, 0)) ++slot;
        for (; *slot != empty && *slot >> 32 == hash; ++slot)
            if (same(static_cast<std::uint32_t>(*slot))) return static_cast<std::uint32_t>(*slot);
        return std::nullopt;
    }

    // What a search for this hash will look at is on its way into the cache.
    void fetch(std::uint32_t hash) const {
        if (size_ != 0) __builtin_prefetch(&slots_[home(hash)]);
    }
    // The first number with this hash.
    std::optional<std::uint32_t> first(std::uint32_t hash) const {
        return find(hash, [](std::uint32_t) { return true; });
    }

    // Must not be there yet, and be below the greatest of all.
    void insert(std::uint32_t hash, std::uint32_t number);
    void erase(std::uint32_t hash, std::uint32_t number);  // must be there
    void reserve(std::uint32_t size);
    std::size_t bytes() const { return slots_.bytes(); }

private:
    static constexpr std::uint64_t empty = std::numeric_limits<std::uint64_t>::max();

    static std::uint64_t slot_of(std::uint32_t hash, std::uint32_t number) {
        return std::uint64_t{hash} << 32 | number;
    }
    std::size_t home(std::uint64_t hash) const { return hash * capacity_ >> 32; }
    std::uint32_t overhang() const {
        return static_cast<std::uint32_t>(slots_.size()) - capacity_ - 1;
    }
    void resize(std::uint32_t size);  // for so many
    void rebuild(std::uint32_t capacity, std::uint32_t overhang);

    // Some more than the capacity (the overhang), for those that the last places have no room for,
    // and one that stays empty.
    Buffer<std::uint64_t> slots_;
    std::uint32_t capacity_ = 0;
    std::uint32_t size_ = 0;
};

}  // namespace twinhub::fleet

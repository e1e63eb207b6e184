#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace twinhub::fleet {

// Rows are looked at in blocks of this many: the working set of a few columns stays in the first
// cache, and a block takes some microseconds, so a slice can stop between two of them.
inline constexpr std::size_t block_rows = 4096;
inline constexpr std::size_t block_words = block_rows / 64;

// A set of rows of one block: bit i is the row `block * block_rows + i`.
struct Bits {
    alignas(64) std::array<std::uint64_t, block_words> words{};

    bool test(std::size_t i) const { return (words[i / 64] >> (i % 64)) & 1; }
    void set(std::size_t i) { words[i / 64] |= std::uint64_t{1} << (i % 64); }
    void reset(std::size_t i) { words[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }

    static Bits full() {
        Bits all;
        all.words.fill(~std::uint64_t{0});
        return all;
    }

    Bits& operator&=(const Bits& other) {
        for (std::size_t i = 0; i < block_words; ++i) words[i] &= other.words[i];
        return *this;
    }
    Bits& operator|=(const Bits& other) {
        for (std::size_t i = 0; i < block_words; ++i) words[i] |= other.words[i];
        return *this;
    }
    // Takes away what `other` has.
    Bits& operator-=(const Bits& other) {
        for (std::size_t i = 0; i < block_words; ++i) words[i] &= ~other.words[i];
        return *this;
    }

    bool none() const {
        std::uint64_t any = 0;
        for (const std::uint64_t word : words) any |= word;
        return any == 0;
    }

    std::size_t count() const {
        std::size_t total = 0;
        for (const std::uint64_t word : words)
            total += static_cast<std::size_t>(std::popcount(word));
        return total;
    }

    // Calls `visit(i)` for each bit that is set, in order.
    template <class Visit>
    void each(Visit&& visit) const {
        for (std::size_t w = 0; w < block_words; ++w)
            for (std::uint64_t left = words[w]; left != 0; left &= left - 1)
                visit(w * 64 + static_cast<std::size_t>(std::countr_zero(left)));
    }

    // Keeps the bits for which `keep(i)` is true.
    template <class Keep>
    void filter(Keep&& keep) {
        for (std::size_t w = 0; w < block_words; ++w)
            for (std::uint64_t left = words[w]; left != 0; left &= left - 1)
                if (!keep(w * 64 + static_cast<std::size_t>(std::countr_zero(left))))
                    words[w] &= ~(left & -left);
    }

    friend bool operator==(const Bits&, const Bits&) = default;
};

}  // namespace twinhub::fleet

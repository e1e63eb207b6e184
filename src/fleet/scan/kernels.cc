#include "fleet/scan/kernels.h"

#include <algorithm>
#include <bit>
#include <cstring>

// ThreadSanitizer instruments the function that picks a clone, which runs before the sanitizer
// does.
#if __has_feature(thread_sanitizer) || !defined(__x86_64__)
#define TWINHUB_CLONES
#else
#define TWINHUB_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#endif
#define TWINHUB_INLINE [[gnu::always_inline]] inline
// A lambda's body must join the clone that calls it, or it would be compiled for the baseline.
#define TWINHUB_INLINED __attribute__((always_inline))
// The truths of 64 lanes as one word. No function: lanes must not be passed by value.
#define TWINHUB_WORD(lanes) __builtin_bit_cast(std::uint64_t, __builtin_convertvector(lanes, Mask))

namespace twinhub::fleet {
namespace {

// 64 cells at a time, whatever their width: one word of the bitmap. The compiler cuts them into
// the registers that the machine has.
template <class T>
using Lanes __attribute__((ext_vector_type(64))) = T;
using Mask __attribute__((ext_vector_type(64))) = bool;

template <class T, class Cell>
TWINHUB_INLINE void load(Lanes<T>& lanes, const Cell* cells) {
    static_assert(sizeof(T) == sizeof(Cell));
    std::memcpy(&lanes, cells, sizeof(lanes));
}

// Calls `word(first, lanes)` for each whole word and `bit(i)` for the cells after the last one.
template <class Word, class Bit>
TWINHUB_INLINE void words_and_tail(std::size_t size, Bits& out, Word word, Bit bit) {
    const std::size_t whole = size / 64;
    for (std::size_t w = 0; w < whole; ++w) out.words[w] = word(w * 64);
    for (std::size_t w = whole; w < block_words; ++w) out.words[w] = 0;
    for (std::size_t i = whole * 64; i < size; ++i)
        if (bit(i)) out.set(i);
}

template <class Code>
TWINHUB_INLINE void match(const Code* codes, std::size_t size, std::span<const Code> wanted,
                          Bits& out) {
    words_and_tail(
        size, out,
        [=](std::size_t first) TWINHUB_INLINED {
            Lanes<Code> lanes;
            load(lanes, codes + first);
            std::uint64_t found = 0;
            for (const Code code : wanted) found |= TWINHUB_WORD(lanes == code);
            return found;
        },
        [=](std::size_t i) { return std::ranges::find(wanted, codes[i]) != wanted.end(); });
}

template <class Wide, class Narrow>
TWINHUB_INLINE void different(const Wide* a, const Narrow* b, std::size_t size, Bits& out) {
    words_and_tail(
        size, out,
        [=](std::size_t first) TWINHUB_INLINED {
            Lanes<Wide> left;
            Lanes<Narrow> right;
            load(left, a + first);
            load(right, b + first);
            return TWINHUB_WORD(left != __builtin_convertvector(right, Lanes<Wide>));
        },
        [=](std::size_t i) { return a[i] != b[i]; });
}

template <class Code>
TWINHUB_INLINE void look_up(const Code* codes, std::size_t size, const std::uint8_t* table,
                            std::uint8_t mask, Bits& out) {
    words_and_tail(
        size, out,
        [=](std::size_t first) TWINHUB_INLINED {
            alignas(64) std::uint8_t found[64];
            for (std::size_t i = 0; i < 64; ++i) found[i] = table[codes[first + i]];
            Lanes<std::uint8_t> lanes;
            load(lanes, found);
            return TWINHUB_WORD((lanes & mask) != 0);
        },
        [=](std::size_t i) { return (table[codes[i]] & mask) != 0; });
}

// `Test` gives the truths of 64 lanes as a word. A cell of the tail is tested as 64 equal ones: one
// rule for both.
template <class Test>
TWINHUB_INLINE void test_numbers(const Word* cells, std::size_t size, Bits& out, Test test) {
    words_and_tail(
        size, out,
        [=](std::size_t first) TWINHUB_INLINED {
            Lanes<double> lanes;
            load(lanes, cells + first);
            return test(lanes);
        },
        [=](std::size_t i) TWINHUB_INLINED {
            const Lanes<double> lanes = std::bit_cast<double>(cells[i]);
            return test(lanes) != 0;
        });
}

}  // namespace

#define TWINHUB_KERNELS(Code)                                                                    \
    TWINHUB_CLONES void match_codes(const Code* codes, std::size_t size,                         \
                                    std::span<const Code> wanted, Bits& out) {                   \
        match(codes, size, wanted, out);                                                         \
    }                                                                                            \
    TWINHUB_CLONES void look_up_codes(const Code* codes, std::size_t size,                       \
                                      const std::uint8_t* table, std::uint8_t mask, Bits& out) { \
        look_up(codes, size, table, mask, out);                                                  \
    }
TWINHUB_KERNELS(std::uint8_t)
TWINHUB_KERNELS(std::uint16_t)
TWINHUB_KERNELS(std::uint32_t)
#undef TWINHUB_KERNELS

#define TWINHUB_KERNELS(Wide, Narrow)                                                     \
    TWINHUB_CLONES void different_codes(const Wide* a, const Narrow* b, std::size_t size, \
                                        Bits& out) {                                      \
        different(a, b, size, out);                                                       \
    }
TWINHUB_KERNELS(std::uint8_t, std::uint8_t)
TWINHUB_KERNELS(std::uint16_t, std::uint16_t)
TWINHUB_KERNELS(std::uint32_t, std::uint32_t)
TWINHUB_KERNELS(std::uint16_t, std::uint8_t)
TWINHUB_KERNELS(std::uint32_t, std::uint8_t)
TWINHUB_KERNELS(std::uint32_t, std::uint16_t)
#undef TWINHUB_KERNELS

TWINHUB_CLONES void compare_numbers(const Word* cells, std::size_t size, Order order, double limit,
                                    Bits& out) {
    switch (order) {
        case Order::less:
            return test_numbers(cells, size, out, [=](const Lanes<double>& c) TWINHUB_INLINED {
                return TWINHUB_WORD(c < limit);
            });
        case Order::less_equal:
            return test_numbers(cells, size, out, [=](const Lanes<double>& c) TWINHUB_INLINED {
                return TWINHUB_WORD(c <= limit);
            });
        case Order::equal:
            return test_numbers(cells, size, out, [=](const Lanes<double>& c) TWINHUB_INLINED {
                return TWINHUB_WORD(c == limit);
            });
        case Order::different:
            return test_numbers(cells, size, out, [=](const Lanes<double>& c) TWINHUB_INLINED {
                return TWINHUB_WORD((c < limit) | (c > limit));
            });
        case Order::greater_equal:
            return test_numbers(cells, size, out, [=](const Lanes<double>& c) TWINHUB_INLINED {
                return TWINHUB_WORD(c >= limit);
            });
        case Order::greater:
            return test_numbers(cells, size, out, [=](const Lanes<double>& c) TWINHUB_INLINED {
                return TWINHUB_WORD(c > limit);
            });
    }
}

TWINHUB_CLONES void between(const std::int64_t* cells, std::size_t size, std::int64_t from,
                            std::int64_t to, Bits& out) {
    words_and_tail(
        size, out,
        [=](std::size_t first) TWINHUB_INLINED {
            Lanes<std::int64_t> lanes;
            load(lanes, cells + first);
            return TWINHUB_WORD((lanes >= from) & (lanes <= to));
        },
        [=](std::size_t i) { return cells[i] >= from && cells[i] <= to; });
}

TWINHUB_CLONES void not_numbers(const Word* cells, std::size_t size, Bits& out) {
    test_numbers(cells, size, out,
                 [](const Lanes<double>& c) TWINHUB_INLINED { return TWINHUB_WORD(c != c); });
}

namespace {

// Four tables in turn: a run of equal codes would otherwise wait for its own last store.
template <class Code>
void count_narrow(const Code* codes, std::size_t size, std::uint32_t* counts) {
    std::uint32_t turns[4][256] = {};
    std::size_t i = 0;
    for (; i + 4 <= size; i += 4) {
        ++turns[0][codes[i]];
        ++turns[1][codes[i + 1]];
        ++turns[2][codes[i + 2]];
        ++turns[3][codes[i + 3]];
    }
    for (; i < size; ++i) ++turns[0][codes[i]];
    for (std::size_t code = 0; code < 256; ++code)
        counts[code] += turns[0][code] + turns[1][code] + turns[2][code] + turns[3][code];
}

template <class Code>
void count_wide(const Code* codes, std::size_t size, std::uint32_t* counts) {
    for (std::size_t i = 0; i < size; ++i) ++counts[codes[i]];
}

}  // namespace

void count_codes(const std::uint8_t* codes, std::size_t size, std::uint32_t* counts) {
    count_narrow(codes, size, counts);
}
void count_codes(const std::uint16_t* codes, std::size_t size, std::uint32_t* counts) {
    count_wide(codes, size, counts);
}
void count_codes(const std::uint32_t* codes, std::size_t size, std::uint32_t* counts) {
    count_wide(codes, size, counts);
}

}  // namespace twinhub::fleet

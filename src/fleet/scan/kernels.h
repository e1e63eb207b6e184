#pragma once

#include "fleet/scan/bits.h"
#include "fleet/word.h"

#include <cstdint>
#include <span>

// The innermost loops of a scan: one block of a column in, a bitmap out. `size` cells are looked at
// (the last block of a table is short); bits from there on are clear. Compiled for AVX-512, AVX2
// and the baseline; the machine's best is taken when the program is loaded.
namespace twinhub::fleet {

// Rows whose code is one of a few.
void match_codes(const std::uint8_t* codes, std::size_t size, std::span<const std::uint8_t> wanted,
                 Bits& out);
void match_codes(const std::uint16_t* codes, std::size_t size,
                 std::span<const std::uint16_t> wanted, Bits& out);
void match_codes(const std::uint32_t* codes, std::size_t size,
                 std::span<const std::uint32_t> wanted, Bits& out);
// So many of them can be compared in the time that looking each code up in a table takes.
template <class Code>
inline constexpr std::size_t matched_codes_max = 24 / sizeof(Code);

// Rows where two columns over one dictionary have different codes.
void different_codes(const std::uint8_t* a, const std::uint8_t* b, std::size_t size, Bits& out);
void different_codes(const std::uint16_t* a, const std::uint16_t* b, std::size_t size, Bits& out);
void different_codes(const std::uint32_t* a, const std::uint32_t* b, std::size_t size, Bits& out);
void different_codes(const std::uint16_t* a, const std::uint8_t* b, std::size_t size, Bits& out);
void different_codes(const std::uint32_t* a, const std::uint8_t* b, std::size_t size, Bits& out);
void different_codes(const std::uint32_t* a, const std::uint16_t* b, std::size_t size, Bits& out);

// Rows for whose code `table[code] & mask` is not zero. Every code must be inside the table.
void look_up_codes(const std::uint8_t* codes, std::size_t size, const std::uint8_t* table,
                   std::uint8_t mask, Bits& out);
void look_up_codes(const std::uint16_t* codes, std::size_t size, const std::uint8_t* table,
                   std::uint8_t mask, Bits& out);
void look_up_codes(const std::uint32_t* codes, std::size_t size, const std::uint8_t* table,
                   std::uint8_t mask, Bits& out);

// How often each code occurs in the block is added to `counts`.
void count_codes(const std::uint8_t* codes, std::size_t size, std::uint32_t* counts);
void count_codes(const std::uint16_t* codes, std::size_t size, std::uint32_t* counts);
void count_codes(const std::uint32_t* codes, std::size_t size, std::uint32_t* counts);

enum class Order : std::uint8_t { less, less_equal, equal, different, greater_equal, greater };

// Rows whose number stands in that order to `limit`. Cells that are no numbers never do.
void compare_numbers(const Word* cells, std::size_t size, Order order, double limit, Bits& out);
// Rows whose cell is no number: what compare_numbers says nothing about.
void not_numbers(const Word* cells, std::size_t size, Bits& out);

// Rows whose cell is within [from, to].
void between(const std::int64_t* cells, std::size_t size, std::int64_t from, std::int64_t to,
             Bits& out);

}  // namespace twinhub::fleet

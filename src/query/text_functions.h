#pragma once

#include "query/scalar.h"

#include <cstddef>
#include <optional>
#include <string_view>

// The functions over texts. Positions and lengths count Unicode characters.
namespace twinhub::query {

std::size_t character_count(std::string_view text);

enum class LetterCase : std::uint8_t { lower, upper };
// By Unicode's mappings of one character to one; into `scratch`. Undefined when it grows too long.
Value with_case(std::string_view text, LetterCase wanted, Scratch& scratch);
char32_t with_case(char32_t character, LetterCase wanted);

// Undefined unless both are whole and not negative; what is beyond the end is left out.
Value substring(std::string_view text, double start, std::optional<double> length);
// -1 when it is not there.
double index_of(std::string_view text, std::string_view part);
// A decimal number with sign, fraction and exponent, nothing around it; undefined otherwise.
Value number_of(std::string_view text);
// Of digits with fraction and exponent, as both languages write them: 0 when it is too small for a
// double, infinite when it is too large.
double decimal_value(std::string_view text);

}  // namespace twinhub::query

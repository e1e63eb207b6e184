#pragma once

#include <bit>
#include <cstdint>

namespace twinhub::fleet {

// A twin's place in every column of its table. Reused after the twin is gone.
using Row = std::uint32_t;

// A value's number in a column's dictionary. 0 stands for undefined in every dictionary.
using Code = std::uint32_t;
inline constexpr Code undefined_code = 0;

// One cell: a finite number, or the code of any other value, boxed into a quiet NaN. Read as a
// double, a code is a NaN, so an order comparison with a number fails as it should.
class Word {
public:
    // Every number is below, as an unsigned integer; the word of code c is this plus c.
    static constexpr std::uint64_t first_code = 0xFFF8'0000'0000'0000;

    constexpr Word() = default;  // undefined
    static constexpr Word from_bits(std::uint64_t bits) { return Word(bits); }
    static constexpr Word of_code(Code code) { return Word(first_code + code); }
    // -0 becomes 0, so that equal numbers have equal bits. `number` must be finite.
    static constexpr Word of_number(double number) {
        return Word(std::bit_cast<std::uint64_t>(number + 0.0));
    }

    constexpr std::uint64_t bits() const { return bits_; }
    constexpr bool is_undefined() const { return bits_ == first_code; }
    constexpr bool is_number() const { return bits_ < first_code; }
    constexpr double number() const { return std::bit_cast<double>(bits_); }  // only of a number
    constexpr Code code() const {  // only when not a number
        return static_cast<Code>(bits_ - first_code);
    }
    friend constexpr bool operator==(Word, Word) = default;

private:
    explicit constexpr Word(std::uint64_t bits) : bits_(bits) {}
    std::uint64_t bits_ = first_code;
};

static_assert(sizeof(Word) == 8);

}  // namespace twinhub::fleet

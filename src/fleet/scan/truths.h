#pragma once

#include "query/value.h"

#include <cstdint>

namespace twinhub::fleet {

// A set of truths, one bit each.
class Truths {
public:
    constexpr Truths() = default;
    constexpr Truths(query::Truth truth) : bits_(bit(truth)) {}
    static constexpr Truths all() { return Truths(std::uint8_t{7}); }

    constexpr bool has(query::Truth truth) const { return (bits_ & bit(truth)) != 0; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr std::uint8_t bits() const { return bits_; }
    constexpr Truths operator~() const { return Truths(static_cast<std::uint8_t>(~bits_ & 7)); }
    friend constexpr Truths operator|(Truths a, Truths b) {
        return Truths(static_cast<std::uint8_t>(a.bits_ | b.bits_));
    }
    friend constexpr bool operator==(Truths, Truths) = default;

    static constexpr std::uint8_t bit(query::Truth truth) {
        return static_cast<std::uint8_t>(1 << static_cast<int>(truth));
    }

private:
    explicit constexpr Truths(std::uint8_t bits) : bits_(bits) {}
    std::uint8_t bits_ = 0;
};

}  // namespace twinhub::fleet

#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace twinhub::load {

// Counts of latencies in nanoseconds, in buckets that are at most 1/64 of their value wide:
// exact below 128 ns, constant memory, no allocation while measuring.
class Histogram {
public:
    void add(std::uint64_t nanoseconds) {
        ++buckets_[bucket(nanoseconds)];
        ++count_;
        if (nanoseconds > max_) max_ = nanoseconds;
    }

    std::uint64_t count() const { return count_; }
    std::uint64_t max() const { return max_; }

    // The upper edge of the bucket that holds the given share (0..1) of all values; 0 when empty.
    std::uint64_t quantile(double share) const {
        if (count_ == 0) return 0;
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::uint32_t index = 0; index < buckets_.size(); ++index) {
            seen += buckets_[index];
            if (seen > wanted) return upper_edge(index) < max_ ? upper_edge(index) : max_;
        }
        return max_;
    }

private:
    static constexpr std::uint32_t sub_bits = 6;
    static constexpr std::uint32_t sub_count = 1U << sub_bits;

    static std::uint32_t bucket(std::uint64_t value) {
        if (value < 2 * sub_count) return static_cast<std::uint32_t>(value);
        const auto shift = static_cast<std::uint32_t>(std::bit_width(value)) - sub_bits - 1;
        return shift * sub_count + static_cast<std::uint32_t>(value >> shift);
    }

    static std::uint64_t upper_edge(std::uint32_t index) {
        if (index < 2 * sub_count) return index;
        const std::uint32_t shift = index / sub_count - 1;
        const std::uint64_t top = index - shift * sub_count;
        return ((top + 1) << shift) - 1;
    }

    std::array<std::uint64_t, (64 - sub_bits + 1) * sub_count> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace twinhub::load

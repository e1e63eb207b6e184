#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::twin {

// Numbers and texts are those of base/bytes.h; a double takes eight bytes, low first.
inline void put_double(std::string& out, double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(bits >> shift & 0xff);
}

// Reads them back from any bytes, and stricter than base's reader: each number has one form only,
// so that equal values have equal bytes. The first fault sticks: all that follows reads as zero.
// Inline, because a restart reads millions of twins.
class WireReader {
public:
    explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

    bool failed() const { return failed_; }
    bool at_end() const { return at_ == bytes_.size(); }
    std::size_t offset() const { return at_; }
    void fail() { failed_ = true; }

    std::uint8_t byte() {
        if (failed_ || at_ == bytes_.size()) return fail(), std::uint8_t{0};
        return static_cast<std::uint8_t>(bytes_[at_++]);
    }
    std::uint64_t unsigned_integer() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint8_t group = byte();
            value |= static_cast<std::uint64_t>(group & 0x7f) << shift;
            if (group < 0x80) {
                // One value has one form: no empty last group, no bit beyond 64.
                if ((group == 0 && shift > 0) || (shift == 63 && group > 1)) fail();
                return failed_ ? 0 : value;
            }
        }
        fail();
        return 0;
    }
    std::int64_t signed_integer() {
        const std::uint64_t value = unsigned_integer();
        return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
    }
    double floating() {
        if (failed_ || bytes_.size() - at_ < 8) return fail(), 0;
        std::uint64_t bits = 0;
        for (int i = 7; i >= 0; --i)
            bits = bits << 8 | static_cast<std::uint8_t>(bytes_[at_ + static_cast<std::size_t>(i)]);
        at_ += 8;
        return std::bit_cast<double>(bits);
    }
    std::string_view text() {
        const std::uint64_t size = unsigned_integer();
        if (failed_ || size > bytes_.size() - at_) return fail(), std::string_view("");
        const std::string_view text = bytes_.substr(at_, static_cast<std::size_t>(size));
        at_ += text.size();
        return text;
    }
    // A number of items, each of which takes at least one byte.
    std::size_t count() {
        const std::uint64_t items = unsigned_integer();
        if (items > bytes_.size() - at_) fail();
        return failed_ ? 0 : static_cast<std::size_t>(items);
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

}  // namespace twinhub::twin

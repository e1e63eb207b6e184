#include "base/bytes.h"

namespace twinhub {

void append_varint(std::string& out, std::uint64_t number) {
    while (number >= 0x80) {
        out += static_cast<char>(number | 0x80);
        number >>= 7;
    }
    out += static_cast<char>(number);
}

void append_signed(std::string& out, std::int64_t number) {
    append_varint(
        out, static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63));
}

void append_text(std::string& out, std::string_view text) {
    append_varint(out, text.size());
    out += text;
}

std::uint8_t ByteReader::byte() {
    if (failed_ || at_ >= bytes_.size()) {
        failed_ = true;
        return 0;
    }
    return static_cast<std::uint8_t>(bytes_[at_++]);
}

std::uint64_t ByteReader::varint() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const std::uint8_t part = byte();
        if (failed_) return 0;
        if (shift == 63 && part > 1) break;
        number |= static_cast<std::uint64_t>(part & 0x7f) << shift;
        if (part < 0x80) return number;
    }
    failed_ = true;
    return 0;
}

std::int64_t ByteReader::signed_number() {
    const std::uint64_t number = varint();
    return static_cast<std::int64_t>(number >> 1) ^ -static_cast<std::int64_t>(number & 1);
}

std::string_view ByteReader::text() {
    const std::uint64_t size = varint();
    if (failed_ || size > bytes_.size() - at_) {
        failed_ = true;
        return {};
    }
    const std::string_view text = bytes_.substr(at_, size);
    at_ += size;
    return text;
}

std::string_view ByteReader::rest() {
    if (failed_) return {};
    const std::string_view text = bytes_.substr(at_);
    at_ = bytes_.size();
    return text;
}

}  // namespace twinhub

#include "provisioning/tpm/marshal.h"

#include "base/result.h"

#include <limits>

namespace twinhub::provisioning::tpm {

void append_u16(std::string& out, std::uint16_t number) {
    out += static_cast<char>(number >> 8);
    out += static_cast<char>(number);
}

void append_u32(std::string& out, std::uint32_t number) {
    append_u16(out, static_cast<std::uint16_t>(number >> 16));
    append_u16(out, static_cast<std::uint16_t>(number));
}

void append_sized(std::string& out, std::string_view bytes) {
    CHECK(bytes.size() <= std::numeric_limits<std::uint16_t>::max());
    append_u16(out, static_cast<std::uint16_t>(bytes.size()));
    out += bytes;
}

std::string sized(std::string_view bytes) {
    std::string out;
    append_sized(out, bytes);
    return out;
}

std::string_view Unmarshal::take(std::size_t count) {
    if (failed_ || count > rest_.size()) {
        failed_ = true;
        return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
}

std::uint16_t Unmarshal::u16() {
    const std::string_view bytes = take(2);
    if (failed_) return 0;
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[0]) << 8 |
                                      static_cast<std::uint8_t>(bytes[1]));
}

std::uint32_t Unmarshal::u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
}

std::string_view Unmarshal::sized() { return take(u16()); }

}  // namespace twinhub::provisioning::tpm

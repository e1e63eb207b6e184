#include "store/record.h"

#include "store/crc32c.h"

#include <limits>

namespace twinhub::store {
namespace {

constexpr unsigned char magic = 0xd7;
constexpr std::size_t checksum_at = 8;

void append_little(std::string& out, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i)
        out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

std::uint32_t read_little(std::string_view bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = (value << 8) | static_cast<unsigned char>(bytes[i]);
    return value;
}

std::uint32_t checksum(std::string_view head, std::string_view key, std::string_view body) {
    return crc32c(crc32c(crc32c(0, head), key), body);
}

std::unexpected<Error> damaged(std::string_view family, std::string_view key,
                               std::string_view what) {
    std::string message = "The record ";
    message.append(family).append("[").append(printable(key)).append("] is damaged: ").append(what);
    return failure(Code::corrupted, std::move(message));
}

}  // namespace

void seal(Kind kind, Format format, std::string_view key, std::string_view body, std::string& out) {
    CHECK(body.size() <= std::numeric_limits<std::uint32_t>::max());
    out.reserve(out.size() + frame_bytes + body.size());
    const std::size_t start = out.size();
    out.push_back(static_cast<char>(magic));
    out.push_back(static_cast<char>(kind));
    append_little(out, format, 2);
    append_little(out, body.size(), 4);
    append_little(out, checksum(std::string_view(out).substr(start), key, body), 4);
    out.append(body);
}

std::string sealed(Kind kind, Format format, std::string_view key, std::string_view body) {
    std::string value;
    seal(kind, format, key, body, value);
    return value;
}

Result<Opened> open(Kind kind, Format newest, std::string_view family, std::string_view key,
                    std::string_view value) {
    if (value.size() < frame_bytes) return damaged(family, key, "it is shorter than its frame");
    if (static_cast<unsigned char>(value[0]) != magic)
        return damaged(family, key, "it does not start like a record");
    const std::string_view body = value.substr(frame_bytes);
    if (read_little(value.substr(4, 4)) != body.size())
        return damaged(family, key, "its length is wrong");
    if (read_little(value.substr(checksum_at, 4)) !=
        checksum(value.substr(0, checksum_at), key, body))
        return damaged(family, key, "its checksum is wrong");
    if (static_cast<unsigned char>(value[1]) != static_cast<unsigned char>(kind))
        return damaged(family, key, "it is of another kind");
    const auto format = static_cast<Format>(read_little(value.substr(2, 2)));
    if (format == 0) return damaged(family, key, "it has no format");
    if (format > newest)
        return failure(Code::not_implemented,
                       "The record " + std::string(family) + "[" + printable(key) +
                           "] is of format " + std::to_string(format) +
                           ", written by a newer release; this one reads up to format " +
                           std::to_string(newest));
    return Opened{format, body};
}

std::string printable(std::string_view key) {
    constexpr std::size_t shown_max = 300;  // two ids of 128 and the rest of a key fit
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const char c : key.substr(0, shown_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '\\') {
            text.push_back(c);
        } else {
            text.append("\\x").push_back(digits[byte >> 4]);
            text.push_back(digits[byte & 15]);
        }
    }
    if (key.size() > shown_max) text.append("...");
    return text;
}

}  // namespace twinhub::store

#include "hub/changes/change_cursor.h"

#include "base/bytes.h"
#include "base/encoding.h"
#include "store/crc32c.h"

namespace twinhub::hub {
namespace {

constexpr std::uint8_t form = 1;
constexpr std::size_t check_bytes = 4;
constexpr std::size_t text_bytes_max = 2 * (1 + feed_name_bytes + 10 + 10 + check_bytes);

std::string check_of(std::string_view bytes) {
    const std::uint32_t crc = store::crc32c(0, bytes);
    std::string check;
    for (std::size_t i = 0; i < check_bytes; ++i)
        check.push_back(static_cast<char>((crc >> (8 * i)) & 0xff));
    return check;
}

std::unexpected<Error> wrong(std::string message) {
    return failure(Code::argument_invalid, std::move(message), "cursor");
}

}  // namespace

std::string cursor_text(std::string_view feed, const ChangeCursor& cursor) {
    std::string bytes(1, static_cast<char>(form));
    bytes += feed;
    append_varint(bytes, cursor.commit);
    append_varint(bytes, cursor.index);
    bytes += check_of(bytes);
    return hex_encode(bytes);
}

Result<ChangeCursor> parse_cursor(std::string_view feed, std::string_view text) {
    const auto bytes = text.size() > text_bytes_max ? std::nullopt : hex_decode(text);
    if (!bytes || bytes->size() < 1 + feed_name_bytes + check_bytes)
        return wrong("It is not a cursor of the change feed");
    const std::string_view held = std::string_view(*bytes).substr(0, bytes->size() - check_bytes);
    if (check_of(held) != std::string_view(*bytes).substr(held.size()) || held.front() != form)
        return wrong("The cursor is damaged");
    if (held.substr(1, feed_name_bytes) != feed)
        return wrong("The cursor is one of another hub's change feed");
    ByteReader reader(held.substr(1 + feed_name_bytes));
    ChangeCursor cursor;
    cursor.commit = reader.varint();
    cursor.index = reader.varint();
    if (!reader.finished() || cursor.commit == 0) return wrong("The cursor is damaged");
    return cursor;
}

}  // namespace twinhub::hub

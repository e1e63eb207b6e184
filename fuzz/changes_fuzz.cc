// What the change feed reads: any text as a cursor that a client sends back, any bytes as a row of
// the commit index.
#include "base/encoding.h"
#include "base/result.h"
#include "hub/changes/change_cursor.h"
#include "store/commit_index.h"
#include "store/crc32c.h"
#include "store/record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace twinhub;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    constexpr std::string_view feed = "12345678";

    const auto look = [&](std::string_view text) {
        const auto cursor = hub::parse_cursor(feed, text);
        if (cursor) CHECK(hub::parse_cursor(feed, hub::cursor_text(feed, *cursor)) == *cursor);
        else CHECK(cursor.error().code == Code::argument_invalid);
    };
    look(bytes);
    // The same with a name and a checksum that fit, to come behind them.
    std::string sound(1, '\x01');
    sound += feed;
    sound += bytes;
    const std::uint32_t crc = store::crc32c(0, sound);
    for (int shift = 0; shift < 32; shift += 8)
        sound.push_back(static_cast<char>((crc >> shift) & 0xff));
    look(hex_encode(sound));

    const std::string key = store::commit_key(7);
    const auto row = store::open_commit(key, store::sealed(store::Kind::commit, 1, key, bytes));
    if (!row) {
        CHECK(row.error().code == Code::corrupted);
        return 0;
    }
    std::string again;
    store::seal_commit(again, key, *row);
    CHECK(store::open_commit(key, again) == *row);
    return 0;
}

#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::hub {

// A place between two changes of the feed: behind the first `index` changes of that commit. One
// behind the last change of a commit is written as the beginning of the next.
struct ChangeCursor {
    std::uint64_t commit = 1;
    std::uint64_t index = 0;
    friend auto operator<=>(const ChangeCursor&, const ChangeCursor&) = default;
};

// What tells the feed of one store from that of another: bytes made by chance with the store.
inline constexpr std::size_t feed_name_bytes = 8;

// The cursor as clients keep it: letters and digits, with the name of the feed and a checksum. Its
// form is not promised to anybody.
std::string cursor_text(std::string_view feed, const ChangeCursor& cursor);
// Errors: argument_invalid for what is none, and for one of another feed.
Result<ChangeCursor> parse_cursor(std::string_view feed, std::string_view text);

}  // namespace twinhub::hub

#include "base/encoding.h"
#include "query/lexer.h"
#include "query/limits.h"

#include <charconv>

namespace twinhub::query {
namespace {

void skip_spaces(std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\n' ||
                             text.front() == '\r' || text.front() == ','))
        text.remove_prefix(1);
}

// "2s", "500ms", "1m"; a bare number is seconds.
std::optional<std::chrono::milliseconds> read_duration(std::string_view text) {
    std::uint32_t count = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (code != std::errc() || count == 0) return {};
    const std::string unit = ascii_lower(text.substr(static_cast<std::size_t>(end - text.data())));
    std::int64_t scale = 0;
    if (unit == "ms") scale = 1;
    if (unit == "s" || unit.empty()) scale = 1000;
    if (unit == "m") scale = 60'000;
    if (scale == 0) return {};
    return std::min(std::chrono::milliseconds{count * scale}, hint_time_max);
}

}  // namespace

void read_hints(std::string_view comment, Budget& hints) {
    while (true) {
        skip_spaces(comment);
        const std::size_t open = comment.find('(');
        const std::size_t close = comment.find(')');
        if (open == std::string_view::npos || close == std::string_view::npos || close < open)
            return;
        const std::string_view name = comment.substr(0, open);
        const std::string_view argument = comment.substr(open + 1, close - open - 1);
        if (equals_ignoring_case(name, "timeout")) {
            if (const auto time = read_duration(argument)) hints.time_max = time;
        } else if (equals_ignoring_case(name, "maxScan")) {
            std::uint64_t rows = 0;
            const char* const last = argument.data() + argument.size();
            const auto [end, code] = std::from_chars(argument.data(), last, rows);
            if (code == std::errc() && end == last && rows > 0) hints.scan_max = rows;
        }
        comment.remove_prefix(close + 1);
    }
}

}  // namespace twinhub::query

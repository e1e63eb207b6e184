#include "query/text_check.h"

#include "base/encoding.h"
#include "query/limits.h"

namespace twinhub::query {

Checked<> check_text(std::string_view text) {
    const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    std::size_t characters = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (is_start(text[i]) && ++characters > text_characters_max)
            return std::unexpected(error_at(
                text, i, ErrorKind::too_long,
                "A query has at most " + std::to_string(text_characters_max) + " characters"));
    if (!is_valid_utf8(text))
        return std::unexpected(
            QueryError{.message = "The query is not valid UTF-8", .near = {}, .hint = {}});
    return {};
}

}  // namespace twinhub::query

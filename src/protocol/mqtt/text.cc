#include "base/encoding.h"
#include "protocol/mqtt/wire.h"

namespace twinhub::protocol::mqtt {
namespace {

// What kinds of characters a text holds, in one pass without branches: nearly all text is plain
// ASCII.
struct Census {
    bool beyond_ascii = false;
    bool null = false;
    bool wildcard = false;
};

Census take_census(std::string_view text) {
    unsigned char bits = 0;
    unsigned char nulls = 0;
    unsigned char wildcards = 0;
    for (const char c : text) {
        bits |= static_cast<unsigned char>(c);
        nulls |= static_cast<unsigned char>(c == '\0');
        wildcards |=
            static_cast<unsigned char>(static_cast<int>(c == '+') | static_cast<int>(c == '#'));
    }
    return {(bits & 0x80) != 0, nulls != 0, wildcards != 0};
}

bool is_text(const Census& census, std::string_view text) {
    return !census.null && (!census.beyond_ascii || is_valid_utf8(text));
}

}  // namespace

bool is_text(std::string_view text) { return is_text(take_census(text), text); }

bool is_topic_name(std::string_view text) {
    const Census census = take_census(text);
    return !text.empty() && !census.wildcard && is_text(census, text);
}

bool is_topic_filter(std::string_view text) {
    const Census census = take_census(text);
    if (text.empty() || !is_text(census, text)) return false;
    for (std::size_t i = 0; census.wildcard && i < text.size(); ++i) {
        if (text[i] != '+' && text[i] != '#') continue;
        const bool starts_level = i == 0 || text[i - 1] == '/';
        const bool is_last = i + 1 == text.size();
        if (!starts_level || (!is_last && (text[i] == '#' || text[i + 1] != '/'))) return false;
    }
    return true;
}

}  // namespace twinhub::protocol::mqtt

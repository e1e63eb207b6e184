#include "twin/etag.h"

#include "base/encoding.h"

#include <algorithm>

namespace twinhub::twin {
namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Cuts the text at its first comma outside quotes; leaves the rest behind in `text`.
std::string_view take_entry(std::string_view& text) {
    bool quoted = false;
    std::size_t end = 0;
    while (end < text.size() && (quoted || text[end] != ',')) quoted ^= text[end++] == '"';
    const std::string_view entry = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return entry;
}

}  // namespace

std::string etag_text(std::uint64_t counter) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes += static_cast<char>(counter >> shift & 0xff);
    return base64_encode(bytes);
}

std::string_view unquoted(std::string_view etag) {
    if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"'))
        return etag.substr(1, etag.size() - 2);
    return etag;
}

Match Match::any() {
    Match match;
    match.kind_ = Kind::any;
    return match;
}

Match Match::one_of(std::vector<std::string> etags) {
    Match match;
    match.kind_ = Kind::list;
    match.etags_ = std::move(etags);
    return match;
}

Result<Match> Match::parse(std::string_view header) {
    std::vector<std::string> etags;
    do {
        std::string_view entry = trimmed(take_entry(header));
        if (entry.starts_with("W/")) entry = trimmed(entry.substr(2));
        entry = unquoted(entry);
        if (entry.empty())
            return failure(Code::argument_invalid, "If-Match holds an empty etag", "If-Match");
        if (entry == "*") return any();
        etags.emplace_back(entry);
    } while (!header.empty());
    return one_of(std::move(etags));
}

bool Match::matches(std::string_view etag) const {
    if (kind_ != Kind::list) return true;
    // Etags of enrollments hold quotes themselves (spec service-api 11.2); clients quote them or
    // not.
    return std::any_of(etags_.begin(), etags_.end(), [&](const std::string& asked) {
        return asked == etag || asked == unquoted(etag);
    });
}

}  // namespace twinhub::twin

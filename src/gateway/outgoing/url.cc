#include "gateway/outgoing/url.h"

#include "base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace twinhub::gateway {
namespace {

constexpr std::size_t url_bytes_max = 4096;
constexpr std::string_view scheme = "https://";

auto refuse(std::string_view why) {
    return failure(Code::argument_invalid, fmt::format("the address {}", why));
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

Result<std::string> host_of(std::string_view& rest) {
    std::string_view host;
    if (rest.starts_with('[')) {
        const std::size_t end = rest.find(']');
        if (end == std::string_view::npos) return refuse("has a '[' without its ']'");
        host = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
        const auto fits = [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
                   c == ':' || c == '.';
        };
        if (host.empty() || !std::ranges::all_of(host, fits))
            return refuse("has no IPv6 address in its brackets");
    } else {
        host = rest.substr(0, rest.find(':'));
        rest.remove_prefix(host.size());
    }
    std::string name = ascii_lower(host);
    const bool is_v6 = name.find(':') != std::string::npos;
    if (name.empty() || name.size() > 253 ||
        (!is_v6 && !std::ranges::all_of(name, is_name_character)))
        return refuse("has no valid host name");
    return name;
}

}  // namespace

std::string Url::authority() const {
    const bool is_v6 = host.find(':') != std::string::npos;
    std::string text = is_v6 ? "[" + host + "]" : host;
    if (port != 443) text += fmt::format(":{}", port);
    return text;
}

std::string Url::shown() const {
    return fmt::format("{}{}{}", scheme, authority(), target.substr(0, target.find('?')));
}

Result<Url> parse_https_url(std::string_view text) {
    if (text.size() > url_bytes_max) return refuse("is too long");
    if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c > '~'; }))
        return refuse("holds a character that must be percent-encoded");
    if (!equals_ignoring_case(text.substr(0, scheme.size()), scheme))
        return refuse("must begin with https://");
    text.remove_prefix(scheme.size());
    text = text.substr(0, text.find('#'));
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    std::string_view place = text.substr(0, end);
    if (place.find('@') != std::string_view::npos)
        return refuse("must not hold a user name or password");
    Url url;
    TRY(url.host, host_of(place));
    if (place.starts_with(':')) {
        place.remove_prefix(1);
        const auto [last, error] =
            std::from_chars(place.data(), place.data() + place.size(), url.port);
        if (error != std::errc{} || last != place.data() + place.size() || url.port == 0)
            return refuse("has no valid port");
    } else if (!place.empty()) {
        return refuse("has no valid host name");
    }
    url.target = text.substr(end);
    if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
    return url;
}

}  // namespace twinhub::gateway

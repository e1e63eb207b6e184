#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace twinhub {

std::string base64_encode(std::string_view bytes);
// Standard alphabet with or without padding; nothing for any other character or a bad length.
std::optional<std::string> base64_decode(std::string_view text);

std::string hex_encode(std::string_view bytes);  // lower case
std::optional<std::string> hex_decode(std::string_view text);

// Decodes %XX once; '+' stays a plus (device-protocols 9.4). Nothing when an escape is broken.
std::optional<std::string> percent_decode(std::string_view text);
// Escapes all but the unreserved characters of RFC 3986, in upper-case hex.
std::string percent_encode(std::string_view text);

bool is_valid_utf8(std::string_view text);
std::string ascii_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);  // ASCII

// Takes the same time wherever the first difference is; lengths may leak.
bool equals_constant_time(std::string_view a, std::string_view b);

}  // namespace twinhub

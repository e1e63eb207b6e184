#pragma once

#include "base/result.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace twinhub {

namespace json = boost::json;

struct JsonLimits {
    std::size_t bytes_max = 1 << 20;
    std::size_t depth_max = 64;
};

// Strict RFC 8259: one value, valid UTF-8, no duplicate keys, no integer beyond 64 bits, no number
// beyond a double. A UTF-8 byte order mark in front is tolerated (service-api 1.3).
// Numbers keep their kind: 1 is an integer, 1.0 a double. Doubles are read exactly.
// Errors: format_invalid with the byte offset, argument_invalid (duplicate key, number) with the
// path.
Result<json::value> parse_json(std::string_view text, const JsonLimits& limits = {});

// Shortest text that reads back the same; a double always shows as one (1.0, 1e300).
void append_json(std::string& out, const json::value& value);
void append_json_string(std::string& out, std::string_view text);
void append_json_number(std::string& out, double number);
void append_json_number(std::string& out, std::int64_t number);
void append_json_number(std::string& out, std::uint64_t number);
std::string to_text(const json::value& value);

}  // namespace twinhub

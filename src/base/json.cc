#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>

#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>
#include <vector>

namespace twinhub {
namespace {

using boost::json::error_code;
using boost::json::string_view;

// Builds the value bottom up; keeps the open keys so that an error can name its path.
class Builder {
public:
    static constexpr std::size_t max_object_size = 1 << 20;
    static constexpr std::size_t max_array_size = 1 << 20;
    static constexpr std::size_t max_key_size = 1 << 20;
    static constexpr std::size_t max_string_size = 1 << 20;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }

    bool on_array_end(std::size_t count, error_code&) {
        json::array array;
        array.reserve(count);
        const std::size_t first = values_.size() - count;
        for (std::size_t i = first; i < values_.size(); ++i) array.push_back(std::move(values_[i]));
        values_.resize(first);
        values_.emplace_back(std::move(array));
        return true;
    }

    bool on_object_end(std::size_t count, error_code& error) {
        json::object object;
        object.reserve(count);
        const std::size_t first_value = values_.size() - count;
        const std::size_t first_key = keys_.size() - count;
        for (std::size_t i = 0; i < count; ++i) {
            const bool inserted =
                object.emplace(keys_[first_key + i], std::move(values_[first_value + i])).second;
            if (!inserted) {
                failure_ =
                    Error{Code::argument_invalid,
                          "The key '" + keys_[first_key + i] + "' appears twice in one object",
                          path(first_key, keys_[first_key + i])};
                error = boost::json::error::extra_data;
                return false;
            }
        }
        values_.resize(first_value);
        keys_.resize(first_key);
        values_.emplace_back(std::move(object));
        return true;
    }

    bool on_key_part(string_view part, std::size_t, error_code&) {
        return text_.append(part.data(), part.size()), true;
    }
    bool on_key(string_view part, std::size_t, error_code&) {
        text_.append(part.data(), part.size());
        keys_.push_back(std::move(text_));
        text_.clear();
        return true;
    }
    bool on_string_part(string_view part, std::size_t, error_code&) {
        return text_.append(part.data(), part.size()), true;
    }
    bool on_string(string_view part, std::size_t, error_code&) {
        if (text_.empty()) {
            values_.emplace_back(part);
        } else {
            text_.append(part.data(), part.size());
            values_.emplace_back(text_);
            text_.clear();
        }
        return true;
    }
    bool on_number_part(string_view part, error_code&) {
        return text_.append(part.data(), part.size()), true;
    }
    bool on_int64(std::int64_t number, string_view, error_code&) {
        text_.clear();
        values_.emplace_back(number);
        return true;
    }
    bool on_uint64(std::uint64_t number, string_view, error_code&) {
        text_.clear();
        values_.emplace_back(number);
        return true;
    }
    bool on_double(double, string_view part, error_code& error) {
        // Boost 1.81 rounds long fractions carelessly: read the text again, exactly.
        text_.append(part.data(), part.size());
        double number = 0;
        const auto read = std::from_chars(text_.data(), text_.data() + text_.size(), number);
        const bool whole = text_.find_first_of(".eE") == std::string::npos;
        text_.clear();
        if (whole || read.ec != std::errc{} || !std::isfinite(number)) {
            failure_ = Error{Code::argument_invalid,
                             whole ? "An integer is outside the range of 64 bits"
                                   : "A number is outside the range of a double",
                             path(keys_.size(), {})};
            error = boost::json::error::not_number;
            return false;
        }
        values_.emplace_back(number);
        return true;
    }
    bool on_bool(bool value, error_code&) { return values_.emplace_back(value), true; }
    bool on_null(error_code&) { return values_.emplace_back(nullptr), true; }
    bool on_comment_part(string_view, error_code&) { return true; }
    bool on_comment(string_view, error_code&) { return true; }

    json::value take() { return std::move(values_.back()); }
    const Error& failed() const { return failure_; }

private:
    // Keys of finished siblings are still on the stack, so this names the neighbourhood: the last
    // key seen. It is exact for the usual case, where the fault is at or below that key.
    std::string path(std::size_t open, const std::string& last) const {
        if (!last.empty()) return last;
        return open == 0 ? std::string{} : keys_[open - 1];
    }

    std::vector<json::value> values_;
    std::vector<std::string> keys_;
    std::string text_;
    Error failure_;
};

}  // namespace

Result<json::value> parse_json(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.bytes_max)
        return failure(Code::message_too_large, "The body has " + std::to_string(text.size()) +
                                                    " bytes, the limit is " +
                                                    std::to_string(limits.bytes_max));
    std::size_t skipped = 0;
    if (text.starts_with("\xef\xbb\xbf")) skipped = 3;
    boost::json::parse_options options;
    options.max_depth = limits.depth_max;
    boost::json::basic_parser<Builder> parser(options);
    error_code error;
    const std::size_t read =
        parser.write_some(false, text.data() + skipped, text.size() - skipped, error);
    if (parser.handler().failed().code != Code::internal)
        return std::unexpected(parser.handler().failed());
    if (!error && read < text.size() - skipped) {
        // write_some stops after the first value: only white space may follow.
        if (text.find_first_not_of(" \t\r\n", skipped + read) != std::string_view::npos)
            error = boost::json::error::extra_data;
    }
    if (error) {
        const bool deep = error == boost::json::error::too_deep;
        return failure(
            deep ? Code::argument_invalid : Code::format_invalid,
            deep ? "The JSON is nested deeper than " + std::to_string(limits.depth_max) + " levels"
                 : "The body is not valid JSON (" + error.message() + ")",
            "offset " + std::to_string(skipped + read));
    }
    return parser.handler().take();
}

namespace {

// Whether none of eight characters needs an escape: below 0x20, a quote or a backslash.
bool all_plain(std::uint64_t eight) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t tops = 0x8080808080808080;
    const auto below = [eight](std::uint64_t limit) {
        return (eight - ones * limit) & ~eight & tops;
    };
    const auto has = [eight](char c) {
        const std::uint64_t zero_where_c = eight ^ (ones * static_cast<unsigned char>(c));
        return (zero_where_c - ones) & ~zero_where_c & tops;
    };
    return (below(0x20) | has('"') | has('\\')) == 0;
}

template <class Word>
std::uint64_t load(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

bool all_plain(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    if (text.size() >= 8) {
        for (; end - at > 8; at += 8)
            if (!all_plain(load<std::uint64_t>(at))) return false;
        return all_plain(load<std::uint64_t>(end - 8));  // may look at some twice
    }
    if (text.size() >= 4)
        return all_plain(load<std::uint32_t>(at) | load<std::uint32_t>(end - 4) << 32);
    std::uint64_t eight = 0x2020202020202020;
    for (; at != end; ++at) eight = eight << 8 | static_cast<unsigned char>(*at);
    return all_plain(eight);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    if (all_plain(text)) {  // nearly always, and keys are most of a twin's text
        const std::size_t before = out.size();
        const std::size_t after = before + text.size() + 2;
        // The second argument is no use: libstdc++ 12 gives the capacity there.
        out.resize_and_overwrite(after, [&](char* bytes, std::size_t) {
            bytes[before] = '"';
            text.copy(bytes + before + 1, text.size());
            bytes[after - 1] = '"';
            return after;
        });
        return;
    }
    out += '"';
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, plain, i - plain);
        plain = i + 1;
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            case '\b': out += "\\b"; break;
            case '\f': out += "\\f"; break;
            default:
                out += "\\u00";
                out += "0123456789abcdef"[c >> 4];
                out += "0123456789abcdef"[c & 15];
        }
    }
    out.append(text, plain, text.size() - plain);
    out += '"';
}

void append_json_number(std::string& out, double number) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
    const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
    out += text;
    if (text.find_first_of(".en") == std::string_view::npos) out += ".0";
}

void append_json_number(std::string& out, std::int64_t number) {
    char buffer[24];
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

void append_json_number(std::string& out, std::uint64_t number) {
    char buffer[24];
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

void append_json(std::string& out, const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: out += "null"; break;
        case json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
        case json::kind::int64: append_json_number(out, value.get_int64()); break;
        case json::kind::uint64: append_json_number(out, value.get_uint64()); break;
        case json::kind::double_: append_json_number(out, value.get_double()); break;
        case json::kind::string: append_json_string(out, value.get_string()); break;
        case json::kind::array: {
            out += '[';
            bool first = true;
            for (const json::value& element : value.get_array()) {
                if (!first) out += ',';
                first = false;
                append_json(out, element);
            }
            out += ']';
            break;
        }
        case json::kind::object: {
            out += '{';
            bool first = true;
            for (const auto& member : value.get_object()) {
                if (!first) out += ',';
                first = false;
                append_json_string(out, member.key());
                out += ':';
                append_json(out, member.value());
            }
            out += '}';
            break;
        }
    }
}

std::string to_text(const json::value& value) {
    std::string out;
    append_json(out, value);
    return out;
}

}  // namespace twinhub

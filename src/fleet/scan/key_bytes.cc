#include "fleet/scan/key_bytes.h"

#include "fleet/canonical.h"
#include "query/time_text.h"

#include <algorithm>
#include <bit>

namespace twinhub::fleet {
namespace {

using query::Type;
using query::Value;

// A text ends with a zero byte and a one; a zero byte inside it is followed by 255. So a text
// stands before every longer one that begins with it, and no text can run into its neighbour.
constexpr char text_end[] = {0, 1};
constexpr char zero_inside[] = {0, static_cast<char>(0xff)};

void put_text(std::string& out, std::string_view text) {
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t zero = std::min(text.find('\0', from), text.size());
        out.append(text.substr(from, zero - from));
        if (zero < text.size()) out.append(zero_inside, 2);
        from = zero + 1;
    }
    out.append(text_end, 2);
}

// Positions come back from outside, so anything may stand here.
std::optional<std::string> take_text(std::string_view& bytes) {
    std::string text;
    while (true) {
        const std::size_t zero = bytes.find('\0');
        if (zero == bytes.npos || zero + 1 == bytes.size()) return std::nullopt;
        text.append(bytes.substr(0, zero));
        const bool end = bytes[zero + 1] == text_end[1];
        bytes.remove_prefix(zero + 2);
        if (end) return text;
        text += '\0';
    }
}

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

template <class Integer>
void put_big_endian(std::string& out, Integer bits) {
    for (int shift = sizeof(Integer) * 8 - 8; shift >= 0; shift -= 8)
        out += static_cast<char>(bits >> shift & 0xff);
}

// Positive numbers get their sign bit set, negative ones are turned over: then their bits rise.
void put_number(std::string& out, double number) {
    if (number == 0) number = 0;  // the two zeros are one value
    auto bits = std::bit_cast<std::uint64_t>(number);
    bits = (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
    put_big_endian(out, bits);
}

double take_number(std::string_view& bytes) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 8; ++i) bits = bits << 8 | static_cast<std::uint8_t>(bytes[i]);
    bytes.remove_prefix(8);
    return std::bit_cast<double>((bits & sign_bit) != 0 ? bits & ~sign_bit : ~bits);
}

// Times first, then what is none.
void put_time_text(std::string& out, std::string_view text) {
    out += static_cast<char>(Type::string);
    const auto time = query::parse_time(text);
    out += static_cast<char>(time ? 0 : 1);
    if (!time) return put_text(out, text);
    put_big_endian(out, static_cast<std::uint64_t>(time->seconds) ^ sign_bit);
    put_big_endian(out, static_cast<std::uint32_t>(time->nanoseconds));
}

void put_value(std::string& out, const Value& value, bool trees) {
    out += static_cast<char>(value.type());
    switch (value.type()) {
        case Type::undefined:
        case Type::null: break;
        case Type::boolean: out += static_cast<char>(value.boolean()); break;
        case Type::number: put_number(out, value.number()); break;
        case Type::string: put_text(out, value.string()); break;
        case Type::array:
        case Type::object:
            if (trees) {
                std::string text;
                append_canonical(text, *value.tree());
                put_text(out, text);
            }
            break;
    }
}

void turn_over(std::string& out, std::size_t from) {
    for (std::size_t i = from; i < out.size(); ++i) out[i] = static_cast<char>(~out[i]);
}

}  // namespace

void append_sort_key(std::string& out, const Value& value, SortOrder order) {
    const std::size_t from = out.size();
    if (order.time && value.is(Type::string)) put_time_text(out, value.string());
    else put_value(out, value, false);
    if (order.descending) turn_over(out, from);
}

void append_group_key(std::string& out, const Value& value) { put_value(out, value, true); }

void append_text_key(std::string& out, std::string_view text) { put_text(out, text); }

std::optional<std::string> take_text_key(std::string_view& bytes) { return take_text(bytes); }

std::string_view take_group_key(std::string_view& bytes) {
    std::size_t size = 1;
    switch (static_cast<Type>(bytes.front())) {
        case Type::undefined:
        case Type::null: break;
        case Type::boolean: size += 1; break;
        case Type::number: size += 8; break;
        case Type::string:
        case Type::array:
        case Type::object:
            do size = bytes.find('\0', size) + 2;
            while (bytes[size - 1] != text_end[1]);
            break;
    }
    const std::string_view value = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return value;
}

bool append_group_json(std::string& out, std::string_view value) {
    const auto type = static_cast<Type>(value.front());
    value.remove_prefix(1);
    switch (type) {
        case Type::undefined: return false;
        case Type::null: out += "null"; break;
        case Type::boolean: out += value.front() != 0 ? "true" : "false"; break;
        case Type::number: append_canonical(out, json::value(take_number(value))); break;
        case Type::string: append_json_string(out, *take_text(value)); break;
        case Type::array:
        case Type::object: out += *take_text(value); break;
    }
    return true;
}

void append_group_sort_key(std::string& out, std::string_view value, SortOrder order) {
    const std::size_t from = out.size();
    const auto type = static_cast<Type>(value.front());
    if (type == Type::array || type == Type::object) {
        out += value.front();
    } else if (order.time && type == Type::string) {
        value.remove_prefix(1);
        put_time_text(out, *take_text(value));
    } else {
        out += value;
    }
    if (order.descending) turn_over(out, from);
}

}  // namespace twinhub::fleet

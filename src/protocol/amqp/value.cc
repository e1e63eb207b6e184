#include "protocol/amqp/value.h"

#include "base/encoding.h"
#include "base/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace twinhub::protocol::amqp {
namespace {

// Constructors of AMQP 1.0 part 1, section 1.6.
constexpr std::uint8_t described = 0x00, null = 0x40, true_ = 0x41, false_ = 0x42, uint_0 = 0x43,
                       ulong_0 = 0x44, list_0 = 0x45, ubyte_8 = 0x50, byte_8 = 0x51,
                       small_uint = 0x52, small_ulong = 0x53, small_int = 0x54, small_long = 0x55,
                       boolean_8 = 0x56, ushort_16 = 0x60, short_16 = 0x61, uint_32 = 0x70,
                       int_32 = 0x71, ulong_64 = 0x80, long_64 = 0x81, timestamp_64 = 0x83,
                       uuid_16 = 0x98, binary_8 = 0xa0, string_8 = 0xa1, symbol_8 = 0xa3,
                       binary_32 = 0xb0, string_32 = 0xb1, symbol_32 = 0xb3, list_8 = 0xc0,
                       map_8 = 0xc1, list_32 = 0xd0, map_32 = 0xd1;

std::unexpected<Error> malformed(const char* what) {
    return failure(Code::format_invalid, std::string("The AMQP value is malformed: ") + what);
}

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t number = 0;
    for (const char c : bytes) number = (number << 8) | static_cast<std::uint8_t>(c);
    return number;
}

std::uint64_t sign_extended(std::uint64_t number, std::size_t width) {
    const int shift = static_cast<int>(64 - 8 * width);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(number << shift) >> shift);
}

void put(std::string& out, std::uint8_t constructor) { out += static_cast<char>(constructor); }

void put(std::string& out, std::uint8_t constructor, std::uint64_t number, std::size_t width) {
    put(out, constructor);
    for (std::size_t i = width; i-- > 0;) out += static_cast<char>(number >> (8 * i));
}

void put_variable(std::string& out, std::uint8_t small, std::uint8_t large,
                  std::string_view bytes) {
    if (bytes.size() <= 0xff) put(out, small, bytes.size(), 1);
    else put(out, large, bytes.size(), 4);
    out += bytes;
}

void put_compound(std::string& out, std::uint8_t small, std::uint8_t large, std::string_view items,
                  std::size_t count) {
    if (items.size() + 1 <= 0xff && count <= 0xff) {
        put(out, small, items.size() + 1, 1);
        out += static_cast<char>(count);
    } else {
        put(out, large, items.size() + 4, 4);
        for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(count >> shift);
    }
    out += items;
}

Value number_value(Type type, std::uint64_t number) { return {type, number, {}}; }
Value bytes_value(Type type, std::string_view bytes) { return {type, 0, std::string(bytes)}; }

}  // namespace

Value Value::of_string(std::string_view text) { return bytes_value(Type::string, text); }
Value Value::of_symbol(std::string_view text) { return bytes_value(Type::symbol, text); }
Value Value::of_binary(std::string_view bytes) { return bytes_value(Type::binary, bytes); }
Value Value::of_uuid(std::string_view bytes) {
    CHECK(bytes.size() == 16);
    return bytes_value(Type::uuid, bytes);
}
Value Value::of_bool(bool value) { return number_value(Type::boolean, value ? 1 : 0); }
Value Value::of_int(std::int32_t value) {
    return number_value(Type::int_, static_cast<std::uint64_t>(std::int64_t{value}));
}
Value Value::of_long(std::int64_t value) {
    return number_value(Type::long_, static_cast<std::uint64_t>(value));
}
Value Value::of_uint(std::uint32_t value) { return number_value(Type::uint, value); }
Value Value::of_ulong(std::uint64_t value) { return number_value(Type::ulong, value); }
Value Value::of_timestamp(std::int64_t milliseconds) {
    return number_value(Type::timestamp, static_cast<std::uint64_t>(milliseconds));
}

std::optional<std::string_view> text_of(const Value& value) {
    if (value.type != Type::string && value.type != Type::symbol) return std::nullopt;
    return value.bytes;
}

std::optional<std::int64_t> integer_of(const Value& value) {
    switch (value.type) {
        case Type::ubyte:
        case Type::ushort:
        case Type::uint:
        case Type::ulong:
            if (value.number > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
                return std::nullopt;
            [[fallthrough]];
        case Type::byte:
        case Type::short_:
        case Type::int_:
        case Type::long_: return static_cast<std::int64_t>(value.number);
        default: return std::nullopt;
    }
}

std::optional<std::string> shown(const Value& value) {
    switch (value.type) {
        case Type::null:
        case Type::encoded: return std::nullopt;
        case Type::boolean: return value.number != 0 ? "true" : "false";
        case Type::ubyte:
        case Type::ushort:
        case Type::uint:
        case Type::ulong: return fmt::format("{}", value.number);
        case Type::byte:
        case Type::short_:
        case Type::int_:
        case Type::long_: return fmt::format("{}", static_cast<std::int64_t>(value.number));
        case Type::timestamp: {
            // Beyond the calendar, say at least which number it was.
            constexpr std::int64_t reach = 250'000'000'000'000;
            const auto milliseconds = static_cast<std::int64_t>(value.number);
            if (milliseconds > reach || milliseconds < -60'000'000'000'000)
                return fmt::format("{}", milliseconds);
            return format_instant(Instant{std::chrono::milliseconds{milliseconds}});
        }
        case Type::uuid: {
            std::string text = hex_encode(value.bytes);
            for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, 1, '-');
            return text;
        }
        case Type::binary: return base64_encode(value.bytes);
        case Type::string:
        case Type::symbol: return value.bytes;
    }
    return std::nullopt;
}

const Value* find(const Fields& fields, std::string_view name) {
    const auto found = std::ranges::find(fields, name, &Fields::value_type::first);
    return found == fields.end() ? nullptr : &found->second;
}

void append(std::string& out, const Value& value) {
    const std::uint64_t number = value.number;
    const auto is_small = [number] {
        const auto n = static_cast<std::int64_t>(number);
        return n >= -128 && n <= 127;
    };
    switch (value.type) {
        case Type::null: return put(out, null);
        case Type::boolean: return put(out, number != 0 ? true_ : false_);
        case Type::ubyte: return put(out, ubyte_8, number, 1);
        case Type::ushort: return put(out, ushort_16, number, 2);
        case Type::uint:
            if (number == 0) return put(out, uint_0);
            return number <= 0xff ? put(out, small_uint, number, 1) : put(out, uint_32, number, 4);
        case Type::ulong:
            if (number == 0) return put(out, ulong_0);
            return number <= 0xff ? put(out, small_ulong, number, 1)
                                  : put(out, ulong_64, number, 8);
        case Type::byte: return put(out, byte_8, number, 1);
        case Type::short_: return put(out, short_16, number, 2);
        case Type::int_:
            return is_small() ? put(out, small_int, number, 1) : put(out, int_32, number, 4);
        case Type::long_:
            return is_small() ? put(out, small_long, number, 1) : put(out, long_64, number, 8);
        case Type::timestamp: return put(out, timestamp_64, number, 8);
        case Type::uuid:
            put(out, uuid_16);
            out += value.bytes;
            return;
        case Type::binary: return put_variable(out, binary_8, binary_32, value.bytes);
        case Type::string: return put_variable(out, string_8, string_32, value.bytes);
        case Type::symbol: return put_variable(out, symbol_8, symbol_32, value.bytes);
        case Type::encoded: out += value.bytes; return;
    }
}

void append_map(std::string& out, const Fields& fields, Keys keys) {
    std::string items;
    for (const auto& [name, value] : fields) {
        append(items, keys == Keys::symbols ? Value::of_symbol(name) : Value::of_string(name));
        append(items, value);
    }
    put_compound(out, map_8, map_32, items, fields.size() * 2);
}

void append_list(std::string& out, std::string_view items, std::size_t count) {
    if (count == 0) return put(out, list_0);
    put_compound(out, list_8, list_32, items, count);
}

Result<std::string_view> Reader::take(std::size_t count) {
    if (count > rest_.size()) return malformed("it ends too early");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
}

Result<std::size_t> Reader::size(std::size_t width) {
    TRY(const std::string_view bytes, take(width));
    return static_cast<std::size_t>(big_endian(bytes));
}

// Over the value of `constructor`, looking at everything inside it.
Result<> Reader::walk_body(std::uint8_t constructor, std::size_t depth) {
    constexpr std::size_t fixed[] = {0, 1, 2, 4, 8, 16};
    const std::uint8_t category = constructor >> 4;
    if (category >= 0x4 && category <= 0x9) {
        if (constructor == 0x4f || (category == 4 && constructor > list_0))
            return malformed("unknown type");
        TRY([[maybe_unused]] const std::string_view body, take(fixed[category - 4]));
        return {};
    }
    const std::size_t width = (category & 1) != 0 ? 4 : 1;  // a, c, e are short; b, d, f long
    switch (category) {
        case 0xa:
        case 0xb: {
            TRY(const std::size_t bytes, size(width));
            TRY([[maybe_unused]] const std::string_view body, take(bytes));
            return {};
        }
        case 0xc:
        case 0xd: {
            TRY(const std::size_t bytes, size(width));
            TRY(const std::string_view body, take(bytes));
            Reader inside(body, values_left_);
            TRY(const std::size_t count, inside.size(width));
            const bool is_map = constructor == map_8 || constructor == map_32;
            if (is_map && count % 2 != 0) return malformed("a key without a value");
            for (std::size_t i = 0; i < count; ++i) TRY_VOID(inside.walk(depth + 1));
            if (!inside.at_end()) return malformed("more than its count says");
            values_left_ = inside.values_left_;
            return {};
        }
        case 0xe:
        case 0xf: {
            TRY(const std::size_t bytes, size(width));
            TRY(const std::string_view body, take(bytes));
            Reader inside(body, values_left_);
            TRY(const std::size_t count, inside.size(width));
            if (count == 0) return {};
            if (count > inside.values_left_) return malformed("too many values");
            TRY(const std::string_view element, inside.take(1));
            // Arrays of described values are used by nobody here.
            if (static_cast<std::uint8_t>(element[0]) == described)
                return malformed("an array of described values");
            for (std::size_t i = 0; i < count; ++i) {
                --inside.values_left_;
                TRY_VOID(inside.walk_body(static_cast<std::uint8_t>(element[0]), depth + 1));
            }
            if (!inside.at_end()) return malformed("more than its count says");
            values_left_ = inside.values_left_;
            return {};
        }
        default: return malformed("unknown type");
    }
}

Result<> Reader::walk(std::size_t depth) {
    if (depth > nesting_max) return malformed("nested too deep");
    if (values_left_ == 0) return malformed("too many values");
    --values_left_;
    TRY(const std::string_view first, take(1));
    const auto constructor = static_cast<std::uint8_t>(first[0]);
    if (constructor != described) return walk_body(constructor, depth);
    TRY_VOID(walk(depth + 1));
    return walk(depth + 1);
}

Result<std::string_view> Reader::skip() {
    const std::string_view before = rest_;
    TRY_VOID(walk(0));
    return before.substr(0, before.size() - rest_.size());
}

Result<Value> Reader::value() {
    TRY(const std::string_view encoded, skip());
    const auto constructor = static_cast<std::uint8_t>(encoded[0]);
    const std::string_view body = encoded.substr(1);
    const std::uint64_t number = body.size() <= 8 ? big_endian(body) : 0;
    switch (constructor) {
        case null: return Value{};
        case true_: return Value::of_bool(true);
        case false_: return Value::of_bool(false);
        case boolean_8: return Value::of_bool(number != 0);
        case uint_0: return number_value(Type::uint, 0);
        case ulong_0: return number_value(Type::ulong, 0);
        case ubyte_8: return number_value(Type::ubyte, number);
        case ushort_16: return number_value(Type::ushort, number);
        case small_uint:
        case uint_32: return number_value(Type::uint, number);
        case small_ulong:
        case ulong_64: return number_value(Type::ulong, number);
        case byte_8: return number_value(Type::byte, sign_extended(number, 1));
        case short_16: return number_value(Type::short_, sign_extended(number, 2));
        case small_int: return number_value(Type::int_, sign_extended(number, 1));
        case int_32: return number_value(Type::int_, sign_extended(number, 4));
        case small_long: return number_value(Type::long_, sign_extended(number, 1));
        case long_64: return number_value(Type::long_, number);
        case timestamp_64: return number_value(Type::timestamp, number);
        case uuid_16: return bytes_value(Type::uuid, body);
        case binary_8: return bytes_value(Type::binary, body.substr(1));
        case binary_32: return bytes_value(Type::binary, body.substr(4));
        case string_8: return bytes_value(Type::string, body.substr(1));
        case string_32: return bytes_value(Type::string, body.substr(4));
        case symbol_8: return bytes_value(Type::symbol, body.substr(1));
        case symbol_32: return bytes_value(Type::symbol, body.substr(4));
        default: return bytes_value(Type::encoded, encoded);
    }
}

Result<std::uint64_t> Reader::descriptor() {
    TRY(const std::string_view first, take(1));
    if (static_cast<std::uint8_t>(first[0]) != described) return malformed("no descriptor");
    TRY(const Value code, value());
    return code.type == Type::ulong ? code.number : 0;
}

Result<Reader::Items> Reader::compound(std::uint8_t small, std::uint8_t large) {
    TRY(const std::string_view encoded, skip());
    const auto constructor = static_cast<std::uint8_t>(encoded[0]);
    if (constructor == null || constructor == list_0) return Items{};
    const std::string_view body = encoded.substr(1);
    if (constructor == small) return Items{body.substr(2), static_cast<std::uint8_t>(body[1])};
    if (constructor == large)
        return Items{body.substr(8), static_cast<std::size_t>(big_endian(body.substr(4, 4)))};
    return malformed("another type than expected");
}

Result<Reader::Items> Reader::list() { return compound(list_8, list_32); }
Result<Reader::Items> Reader::map() { return compound(map_8, map_32); }

Result<Fields> Reader::fields() {
    TRY(const Items items, map());
    Reader inside(items.bytes);
    Fields fields;
    fields.reserve(items.count / 2);
    for (std::size_t i = 0; i < items.count; i += 2) {
        TRY(const Value key, inside.value());
        TRY(Value value, inside.value());
        // Other keys than text mean nothing here.
        if (const auto name = text_of(key)) fields.emplace_back(*name, std::move(value));
    }
    return fields;
}

}  // namespace twinhub::protocol::amqp

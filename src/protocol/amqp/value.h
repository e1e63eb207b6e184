#pragma once

#include "base/result.h"
#include "protocol/amqp/limits.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::protocol::amqp {

// The types of AMQP 1.0 (part 1) that a peer can tell apart.
enum class Type : std::uint8_t {
    null,
    boolean,
    ubyte,
    ushort,
    uint,
    ulong,
    byte,
    short_,
    int_,
    long_,
    timestamp,  // milliseconds since 1970
    uuid,       // 16 bytes
    binary,
    string,
    symbol,
    // Kept as they were encoded, constructor included: floats, decimals, char, lists, maps, arrays,
    // described values.
    encoded,
};

// One value with its exact type: clients compare correlation ids and refuse other types than the
// documented ones (spec device-protocols 4.2, 4.4).
struct Value {
    Type type = Type::null;
    std::uint64_t number = 0;  // of boolean, integers (sign-extended) and timestamp
    std::string bytes;         // of uuid, binary, string, symbol, encoded

    static Value of_string(std::string_view text);
    static Value of_symbol(std::string_view text);
    static Value of_binary(std::string_view bytes);
    static Value of_uuid(std::string_view bytes);  // 16
    static Value of_bool(bool value);
    static Value of_int(std::int32_t value);
    static Value of_long(std::int64_t value);
    static Value of_uint(std::uint32_t value);
    static Value of_ulong(std::uint64_t value);
    static Value of_timestamp(std::int64_t milliseconds);

    bool is_null() const { return type == Type::null; }
    friend bool operator==(const Value&, const Value&) = default;
};

// Named values in the order they came: annotations, application properties, link properties.
using Fields = std::vector<std::pair<std::string, Value>>;

// The text of a string or symbol: clients use both.
std::optional<std::string_view> text_of(const Value& value);
// Any integer type that fits.
std::optional<std::int64_t> integer_of(const Value& value);
// A scalar as a reader of properties sees it: text as it is, numbers in decimal, uuids with dashes,
// times in ISO 8601, binary as base64. Nothing for null and for what is kept encoded.
std::optional<std::string> shown(const Value& value);
const Value* find(const Fields& fields, std::string_view name);

// Appends in the smallest encoding.
void append(std::string& out, const Value& value);
// A map with symbol keys (annotations, link properties) or string keys (application properties).
enum class Keys : std::uint8_t { symbols, strings };
void append_map(std::string& out, const Fields& fields, Keys keys);
// The list of `items`, each encoded already.
void append_list(std::string& out, std::string_view items, std::size_t count);

// Reads encoded values from front to back. Counts every value, nested ones too, so that a small
// frame cannot ask for endless work. Errors: format_invalid.
class Reader {
public:
    explicit Reader(std::string_view bytes, std::size_t values_max = message_values_max)
        : rest_(bytes), values_left_(values_max) {}

    bool at_end() const { return rest_.empty(); }
    std::string_view rest() const { return rest_; }

    // The next value. Lists, maps and such stay encoded (look into them with list() or map()).
    Result<Value> value();
    // Reads over one value and gives its encoding.
    Result<std::string_view> skip();
    // `00 <descriptor>` before a described value: the numeric code, or 0 for a symbolic one.
    Result<std::uint64_t> descriptor();
    // A list's items, as a reader of their own, and how many there are. Null reads as empty.
    struct Items {
        std::string_view bytes;
        std::size_t count = 0;
    };
    Result<Items> list();
    Result<Items> map();  // count = keys and values
    Result<Fields> fields();

private:
    Result<> walk(std::size_t depth);
    Result<> walk_body(std::uint8_t constructor, std::size_t depth);
    Result<std::string_view> take(std::size_t count);
    Result<std::size_t> size(std::size_t width);
    Result<Items> compound(std::uint8_t small, std::uint8_t large);

    std::string_view rest_;
    std::size_t values_left_;
};

}  // namespace twinhub::protocol::amqp

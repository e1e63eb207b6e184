#include "twin/rules.h"

#include "twin/keys.h"
#include "twin/limits.h"

#include <cmath>

namespace twinhub::twin {
namespace {

constexpr std::size_t shown_bytes_max = 256;

// Spec twin-document 6: no C0 or C1 controls, '.', '$', '#' or space.
bool holds_forbidden(std::string_view key) {
    for (std::size_t i = 0; i < key.size(); ++i) {
        const auto byte = static_cast<unsigned char>(key[i]);
        if (byte <= ' ' || byte == '.' || byte == '$' || byte == '#') return true;
        if (byte == 0xc2 && i + 1 < key.size() && static_cast<unsigned char>(key[i + 1]) < 0xa0)
            return true;
    }
    return false;
}

class Checker {
public:
    Checker(std::string_view path, Nulls nulls) : path_(path), nulls_(nulls) {}

    Result<> object(json::object& members, std::size_t depth, bool in_array) {
        if (depth > depth_max) return too_deep(depth);
        bool drop = false;
        for (json::key_value_pair& entry : members) {
            TRY_VOID(key(key_of(entry)));
            const std::size_t length = path_.size();
            path_ += '.';
            path_ += key_of(entry);
            if (!entry.value().is_null()) {
                TRY_VOID(value(entry.value(), depth, in_array));
            } else if (in_array) {
                return refuse(" is null, which is not allowed inside an array");
            } else {
                drop = nulls_ == Nulls::dropped;
            }
            path_.resize(length);
        }
        if (drop) drop_nulls(members);
        return {};
    }

private:
    Result<> key(std::string_view name) const {
        if (name.size() > key_bytes_max)
            return failure(Code::argument_invalid,
                           "The key '" + shown(name) + "' at '" + shown(path_) + "' has " +
                               std::to_string(name.size()) + " bytes, the limit is " +
                               std::to_string(key_bytes_max),
                           shown(path_));
        if (holds_forbidden(name))
            return failure(Code::argument_invalid,
                           "The key '" + shown(name) + "' at '" + shown(path_) +
                               "' holds a forbidden character, one of control characters, '.', "
                               "'$', '#' and space",
                           shown(path_));
        return {};
    }

    Result<> value(json::value& value, std::size_t depth, bool in_array) {
        switch (value.kind()) {
            case json::kind::null: return refuse(" is null, which is not allowed inside an array");
            case json::kind::bool_: return {};
            case json::kind::int64: return integer(value.get_int64());
            case json::kind::uint64:
                if (value.get_uint64() > static_cast<std::uint64_t>(integer_max))
                    return out_of_range(std::to_string(value.get_uint64()));
                value = static_cast<std::int64_t>(value.get_uint64());
                return {};
            case json::kind::double_:
                if (!std::isfinite(value.get_double())) return refuse(" is not a finite number");
                return {};
            case json::kind::string:
                if (value.get_string().size() > string_bytes_max)
                    return refuse(" is a string of " + std::to_string(value.get_string().size()) +
                                  " bytes, the limit is " + std::to_string(string_bytes_max));
                return {};
            case json::kind::array: return array(value.get_array(), depth + 1);
            case json::kind::object: return object(value.get_object(), depth + 1, in_array);
        }
        return {};
    }

    Result<> array(json::array& elements, std::size_t depth) {
        if (depth > depth_max) return too_deep(depth);
        for (std::size_t i = 0; i < elements.size(); ++i) {
            const std::size_t length = path_.size();
            path_ += '[' + std::to_string(i) + ']';
            TRY_VOID(value(elements[i], depth, true));
            path_.resize(length);
        }
        return {};
    }

    Result<> integer(std::int64_t number) const {
        if (number < integer_min || number > integer_max)
            return out_of_range(std::to_string(number));
        return {};
    }

    static void drop_nulls(json::object& members) {
        json::object kept;
        kept.reserve(members.size());
        for (json::key_value_pair& entry : members)
            if (!entry.value().is_null()) kept.emplace(entry.key(), std::move(entry.value()));
        members = std::move(kept);
    }

    Result<> out_of_range(const std::string& number) const {
        return refuse(" is the integer " + number + ", outside the range " +
                      std::to_string(integer_min) + " to " + std::to_string(integer_max));
    }
    Result<> too_deep(std::size_t depth) const {
        return refuse(" is nested " + std::to_string(depth) + " levels deep, the limit is " +
                      std::to_string(depth_max));
    }
    Result<> refuse(const std::string& why) const {
        return failure(Code::argument_invalid, "The value at '" + shown(path_) + "'" + why,
                       shown(path_));
    }

    std::string path_;
    Nulls nulls_;
};

}  // namespace

Result<> check_values(json::object& body, std::string_view path, Nulls nulls) {
    return Checker(path, nulls).object(body, 0, false);
}

std::string shown(std::string_view text) {
    const bool cut = text.size() > shown_bytes_max;
    if (cut) {
        std::size_t end = shown_bytes_max;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
        text = text.substr(0, end);
    }
    std::string out(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        if (byte < 0x20 || byte == 0x7f) out[i] = '?';
        if (byte == ';') out[i] = ',';
        if (byte == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0)
            out.replace(i, 2, "?");
    }
    if (cut) out += "...";
    return out;
}

}  // namespace twinhub::twin

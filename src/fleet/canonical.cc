#include "fleet/canonical.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace twinhub::fleet {
namespace {

constexpr double integer_max = 9007199254740992.0;  // 2^53

void append_number(std::string& out, double number) {
    if (std::abs(number) <= integer_max && number == std::trunc(number))
        return append_json_number(out, static_cast<std::int64_t>(number));
    append_json_number(out, number);
}

void append_members(std::string& out, const json::object& object) {
    std::vector<const json::key_value_pair*> members;
    for (const json::key_value_pair& member : object) members.push_back(&member);
    std::ranges::sort(members, {}, [](const auto* member) {
        return std::string_view(member->key().data(), member->key().size());
    });
    out += '{';
    for (const json::key_value_pair* member : members) {
        if (out.back() != '{') out += ',';
        append_json_string(out, {member->key().data(), member->key().size()});
        out += ':';
        append_canonical(out, member->value());
    }
    out += '}';
}

}  // namespace

void append_canonical(std::string& out, const json::value& value) {
    switch (value.kind()) {
        case json::kind::int64: return append_number(out, static_cast<double>(value.get_int64()));
        case json::kind::uint64: return append_number(out, static_cast<double>(value.get_uint64()));
        case json::kind::double_: return append_number(out, value.get_double());
        case json::kind::object: return append_members(out, value.get_object());
        case json::kind::array:
            out += '[';
            for (const json::value& element : value.get_array()) {
                if (out.back() != '[') out += ',';
                append_canonical(out, element);
            }
            out += ']';
            return;
        case json::kind::null:
        case json::kind::bool_:
        case json::kind::string: return append_json(out, value);
    }
}

}  // namespace twinhub::fleet

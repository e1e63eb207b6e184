#include "fleet/scan/trees.h"

#include <cmath>
#include <utility>

namespace twinhub::fleet {
namespace {

using query::Type;
using query::Value;

constexpr double integer_max = 9007199254740992.0;  // 2^53: above, a double is no exact integer

}  // namespace

json::value to_json(const Value& value) {
    switch (value.type()) {
        case Type::undefined:
        case Type::null: return nullptr;
        case Type::boolean: return value.boolean();
        case Type::number: {
            const double number = value.number();
            if (std::abs(number) <= integer_max && number == std::trunc(number))
                return static_cast<std::int64_t>(number);
            return number;
        }
        case Type::string: return json::string(value.string());
        case Type::array:
        case Type::object: return *value.tree();
    }
    std::unreachable();
}

json::object object_of(const Table& table, Row row, std::vector<query::Segment> path) {
    json::object object;
    Scratch scratch;
    std::vector<std::string> objects;
    table.for_each_child(path, [&](std::string_view name, const Column& column) {
        const Value value = column.value(row, scratch);
        if (value.is(Type::object)) objects.emplace_back(name);
        else if (!value.is(Type::undefined)) object.emplace(name, to_json(value));
    });
    for (std::string& name : objects) {
        path.emplace_back(name);
        object.emplace(name, object_of(table, row, path));
        path.pop_back();
    }
    return object;
}

const json::value* step_into(const json::value& tree, std::span<const query::Segment> rest) {
    const json::value* at = &tree;
    for (const query::Segment& step : rest) {
        if (const auto* index = std::get_if<std::uint32_t>(&step)) {
            if (!at->is_array() || *index >= at->get_array().size()) return nullptr;
            at = &at->get_array()[*index];
        } else {
            if (!at->is_object()) return nullptr;
            at = at->get_object().if_contains(std::get<std::string>(step));
            if (at == nullptr) return nullptr;
        }
    }
    return at;
}

}  // namespace twinhub::fleet

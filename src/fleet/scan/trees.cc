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

Members members_of(const Table& table, std::vector<query::Segment> path) {
    Members members;
    table.for_each_child(path, [&](std::string_view name, const Column& column) {
        members.all.push_back({std::string(name), &column, {}});
    });
    for (Members::Member& member : members.all) {
        path.emplace_back(member.name);
        member.below = members_of(table, path);
        path.pop_back();
    }
    return members;
}

std::size_t count_members(const Table& table, std::vector<query::Segment> path, std::size_t most) {
    std::size_t count = 0;
    std::vector<std::string> names;
    table.for_each_child(path, [&](std::string_view name, const Column&) {
        if (++count <= most) names.emplace_back(name);
    });
    for (std::string& name : names) {
        if (count > most) break;
        path.emplace_back(std::move(name));
        count += count_members(table, path, most);
        path.pop_back();
    }
    return count;
}

json::object object_of(const Members& members, Row row, Scratch& scratch) {
    json::object object;
    for (const Members::Member& member : members.all) {
        const Value value = member.column->value(row, scratch);
        if (value.is(Type::object))
            object.emplace(member.name, object_of(member.below, row, scratch));
        else if (!value.is(Type::undefined)) object.emplace(member.name, to_json(value));
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

#pragma once

#include "base/json.h"
#include "fleet/table.h"
#include "query/plan.h"

#include <string>
#include <vector>

namespace twinhub::fleet {

// A scalar or an array as JSON; whole numbers become integers. Not of undefined or objects.
json::value to_json(const query::Value& value);

// The columns below a path, from which the objects of rows are put together: all of them but
// $metadata. Good until the table changes.
struct Members {
    struct Member;
    std::vector<Member> all;
};
struct Members::Member {
    std::string name;
    const Column* column;
    Members below;
};
Members members_of(const Table& table, std::vector<query::Segment> path);
// How many there are; stops counting soon after `most`.
std::size_t count_members(const Table& table, std::vector<query::Segment> path, std::size_t most);

// The object that a row has there.
json::object object_of(const Members& members, Row row, Scratch& scratch);

// What stands at `rest` inside of an array; null when nothing does.
const json::value* step_into(const json::value& tree, std::span<const query::Segment> rest);

}  // namespace twinhub::fleet

#pragma once

#include "base/json.h"
#include "fleet/table.h"
#include "query/plan.h"

#include <vector>

namespace twinhub::fleet {

// A scalar or an array as JSON; whole numbers become integers. Not of undefined or objects.
json::value to_json(const query::Value& value);

// The object that a row has at a path, put together from the columns below it: all of it but
// $metadata. `path` is one whose cell is an object.
json::object object_of(const Table& table, Row row, std::vector<query::Segment> path);

// What stands at `rest` inside of an array; null when nothing does.
const json::value* step_into(const json::value& tree, std::span<const query::Segment> rest);

}  // namespace twinhub::fleet

#pragma once

#include "base/json.h"
#include "base/task.h"
#include "query/plan.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

class Queries;

// Who has the hub ask itself about its devices: what that is charged to, and whether anybody still
// waits (PageRequest).
struct FleetAsker {
    std::string principal;
    std::function<bool()> wanted = [] { return true; };
};

// A path below a part as queries write it: keys in brackets, whatever they hold.
std::string quoted_path(std::string_view path);
// What brackets cannot hold cannot be asked about.
bool can_be_asked(std::string_view path);

// A query of ours about devices, of those alone that meet a condition of the client's; all without
// one. Errors: argument_invalid for the condition.
Result<query::Plan> fleet_plan(std::string_view text, std::string_view where);

// The rows of the answer; of more than `rows_max` the first ones, and not many more. Errors: as
// above, and those of Queries::run.
Task<Result<std::vector<json::object>>> ask_fleet(Queries& queries, std::string text,
                                                  std::string where, FleetAsker asker,
                                                  std::size_t rows_max);

std::uint64_t number_in(const json::object& row, std::string_view name);  // 0: it is none

}  // namespace twinhub::hub

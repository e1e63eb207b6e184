#pragma once

#include "apps/cli/context.h"

namespace twinhub::apps::cli {

// `query --watch`: prints the rows of a live query and then what happens to them, a line each,
// until `query.top` lines are out or the user has seen enough. A lost connection is made again, and
// goes on where it broke off.
Outcome watch(Context& context, const FleetQuery& query, const std::vector<Column>& columns);

}  // namespace twinhub::apps::cli

#pragma once

#include "base/result.h"
#include "query/plan.h"

#include <memory>
#include <string>
#include <string_view>

namespace twinhub::hub {

// A live query as it was asked, and the query that gives its rows as they are now.
struct LivePlan {
    std::shared_ptr<const query::Plan> asked;
    // Has in front of each row what names it: the ids and the version, or the key of a group.
    std::shared_ptr<const query::Plan> snapshot;
};

// Spec query-language 11: SELECT * or paths, or aggregates over at most one group key. Errors:
// argument_invalid for a query whose answer cannot be kept up by looking at what changes.
Result<LivePlan> live_plan(std::shared_ptr<const query::Plan> asked);

// One row of an answer with its name, each as JSON. The key is {"deviceId":..} or with "moduleId";
// of a group the value of the group key, empty where the twins do not have it.
struct KeyedRow {
    std::string key;
    std::string row;
    std::string version;  // of the twin; empty for groups
};
// Takes a row of the answer of `snapshot` apart.
KeyedRow keyed_row(const LivePlan& plan, std::string row);

// {"deviceId":"d"}, with "moduleId" unless `module` is empty.
std::string live_key(std::string_view device, std::string_view module);

}  // namespace twinhub::hub

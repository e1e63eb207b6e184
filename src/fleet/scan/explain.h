#pragma once

#include "base/json.h"
#include "fleet/scan/scan.h"

#include <span>

namespace twinhub::fleet {

// How a query is answered: the row of EXPLAIN (spec query-language 11). `plan` names the ways by
// which columns decide conditions, in their order, and `filters` what is asked row by row after
// them, each with the rows estimated to pass. After EXPLAIN ANALYZE, on scans that are done, also
// the rows that came in and passed and the blocks looked at; the time is the caller's to add.
// `shards` have the same plan.
json::object explain(std::span<const Scan* const> shards);

}  // namespace twinhub::fleet

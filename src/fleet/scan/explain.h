#pragma once

#include "base/json.h"
#include "fleet/scan/scan.h"

#include <span>

namespace twinhub::fleet {

// What a scan did, as a value: scans live on loops of their own.
struct ScanFacts {
    double rows_at_start = 0;
    double share = 1;  // of them, estimated to pass
    std::uint64_t rows_looked_at = 0;
    std::uint64_t blocks_looked_at = 0;
    std::vector<ConditionFacts> conditions;
};
ScanFacts facts_of(const Scan& scan);

// How a query is answered: the row of EXPLAIN (spec query-language 11). `plan` names the ways by
// which columns decide conditions, in their order, and `filters` what is asked row by row after
// them, each with the rows estimated to pass. After EXPLAIN ANALYZE, on scans that are done, also
// the rows that came in and passed and the blocks looked at; the time is the caller's to add.
// `shards` have the same plan.
json::object explain(const query::Plan& plan, std::span<const ScanFacts> shards);

}  // namespace twinhub::fleet

#pragma once

#include "fleet/scan/scan.h"
#include "fleet/testing/model_fleet.h"

#include <functional>
#include <span>

namespace twinhub::fleet::testing {

// How a query is run in small steps.
struct Steps {
    std::size_t blocks = 1;                 // of each `run`
    std::size_t page = 1000;                // rows
    std::size_t walk = 1000;                // rows looked at for a page
    std::function<void()> between = [] {};  // after each step: writers
    ScanOptions options;
};

// The whole answer of a plan over some shards, its rows as JSON. Documents come from the shards as
// they are when they are asked for.
Result<std::vector<std::string>> run_query(const query::Plan& plan,
                                           std::span<ModelFleet* const> shards, Instant now,
                                           const Steps& steps = {});

}  // namespace twinhub::fleet::testing

#pragma once

#include "hub/configurations/applied.h"
#include "twin/drift/standing.h"
#include "twin/drift/verdict.h"

#include <string>
#include <vector>

namespace twinhub::hub {

// A configuration that a twin has come to, and how long that took.
struct ConvergedConfiguration {
    std::string id;
    double seconds = 0;
};

// The configurations whose last unmet property the report of `at` met: from when the oldest of
// their properties that it met was desired. `moved`: what that report moved; `judge`: of the twin
// with it. Pure.
std::vector<ConvergedConfiguration> converged_configurations(
    const Applied& applied, const std::vector<twin::drift::Moved>& moved,
    const twin::drift::Judge& judge, Instant at);

}  // namespace twinhub::hub

#pragma once

#include "query/plan.h"

namespace twinhub::query {

// Drops expressions and paths that nothing uses (what folding left), keeping the order of the rest.
void prune(Plan& plan);

}  // namespace twinhub::query

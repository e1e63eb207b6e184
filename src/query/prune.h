#pragma once

#include "query/plan.h"

namespace twinhub::query {

// Drops expressions and paths that nothing uses (what folding left), keeping the order of the rest.
void prune(Plan& plan);

// Whatever reads the path `from` reads `to`.
void replace_path(Plan& plan, PathIndex from, PathIndex to);

}  // namespace twinhub::query

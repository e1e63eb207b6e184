#pragma once

#include "fleet/scan/evaluation.h"
#include "fleet/scan/truths.h"

#include <cstdint>
#include <optional>

namespace twinhub::fleet {

// One run of instants, in ticks since 1970.
struct TickRange {
    std::int64_t from = 0;
    std::int64_t to = -1;
};

// The instants for which a condition over a time has a wanted truth, when they are one run: for
// `lastActivityTime < '...'`, `AGE_SECONDS(lastActivityTime) > n` and their like. Nothing for other
// conditions: then each row is asked. The expression must read one path only, a column of times.
std::optional<TickRange> tick_range(Evaluation& evaluation, query::ExprIndex expr, Truths wanted);

}  // namespace twinhub::fleet

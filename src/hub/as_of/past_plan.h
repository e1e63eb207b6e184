#pragma once

#include "query/plan.h"

namespace twinhub::hub {

// The plan as the past can answer it. What is not recorded is undefined there: connectionState,
// lastActivityTime, the number of messages, configurations, $connection, and since when a twin
// stands as it does. Nobody knows who was connected, so what waits is pending.
query::Plan past_plan(const query::Plan& plan);

// Whether it asks how twins stand.
bool reads_drift(const query::Plan& plan);

}  // namespace twinhub::hub

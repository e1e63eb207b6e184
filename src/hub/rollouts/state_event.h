#pragma once

#include "hub/device_events.h"
#include "hub/rollouts/record.h"

#include <memory>

namespace twinhub::hub {

// What a rollout says when it comes from the state `from` to another: rolloutStarted,
// rolloutPaused, rolloutResumed, rolloutHeld, rolloutHalted, rolloutRollingBack, rolloutRolledBack,
// rolloutCompleted; with the last line of its log. nullptr: it is where it was, or still at its
// beginning.
std::shared_ptr<DeviceEvent> state_event(const RolloutRecord& record, RolloutState from,
                                         Instant at);

}  // namespace twinhub::hub

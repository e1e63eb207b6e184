#pragma once

#include "hub/device_events.h"
#include "hub/drift/drifts.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::hub {

// What a rollout says about a device that it leaves behind unfinished: `rolloutDeviceFailed`, with
// each property of the rollout that is rejected, drifted or stale there, what is desired, what is
// reported, and since when. nullptr when there is no such property (any more): a device that is
// merely offline, or waits, has not failed.
std::shared_ptr<DeviceEvent> failure_event(const std::string& rollout, std::uint32_t wave,
                                           const std::vector<std::string>& desired_paths,
                                           const TwinDrift& drift);

}  // namespace twinhub::hub

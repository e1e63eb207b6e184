#pragma once

#include "hub/device_events.h"
#include "hub/jobs/job.h"

#include <memory>

namespace twinhub::hub {

// What a job says when it begins and when it is over: jobStarted, jobCompleted, jobFailed or
// jobCancelled by its status, with its counts and who ordered it.
std::shared_ptr<DeviceEvent> job_event(const JobSpec& spec, const JobState& state, Instant at);

}  // namespace twinhub::hub

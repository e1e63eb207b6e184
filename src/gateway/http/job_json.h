#pragma once

#include "hub/jobs/job.h"

#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// A job as services see it (spec service-api 7.3): what was ordered is echoed as it came.
void append_job(std::string& out, const hub::JobView& job);
// What stands for a job that is not there.
void append_unknown_job(std::string& out, std::string_view id);

}  // namespace twinhub::gateway::http

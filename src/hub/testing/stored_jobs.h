#pragma once

#include "base/json.h"
#include "hub/jobs/job_record.h"
#include "store/engine.h"

#include <vector>

namespace twinhub::hub::testing {

// What a hub keeps of the jobs whose devices services read as `rows`, each with the devices of its
// rows. An outcome of a device that is still running stands in memory alone.
struct StoredJob {
    JobSpec spec;
    JobState state;
    std::vector<JobDevice> devices;
};
std::vector<StoredJob> stored_jobs(const std::vector<json::object>& rows);

Result<> store_jobs(store::Engine& engine, const std::vector<json::object>& rows);

}  // namespace twinhub::hub::testing

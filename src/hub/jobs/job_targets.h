#pragma once

#include "base/task.h"
#include "hub/jobs/job.h"
#include "hub/jobs/job_record.h"
#include "query/compile.h"
#include "query/plan.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace twinhub::hub {

class Hub;

// The plan that answers with the ids of a job's twins alone. Errors: argument_invalid with what is
// wrong with the condition.
Result<std::shared_ptr<const query::Plan>> targets_plan(std::string_view condition,
                                                        const query::Options& options);

// Twin keys (store/keys.h) of all twins that a plan selects, in key order. Runs on any loop; takes
// as long as its pages take. Errors: those of Queries.
Task<Result<std::vector<std::string>>> twin_keys_of(Hub& hub,
                                                    std::shared_ptr<const query::Plan> plan);

// Groups of neighbours of one slot, at most so many devices each, as job_record.h stores them; with
// the generation that each identity has now. Those that do not exist any more are left out. May
// wait for the disk.
Result<std::vector<JobGroup>> groups_of(const store::Engine& engine, std::string_view job_id,
                                        std::span<const std::string> twin_keys,
                                        std::size_t devices_max);

}  // namespace twinhub::hub

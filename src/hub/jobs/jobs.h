#pragma once

#include "base/task.h"
#include "hub/device_events.h"
#include "hub/jobs/job.h"
#include "hub/queries.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

class Hub;

// One page of jobs, the newest first. `cursor` is opaque; empty on the last page.
struct JobPage {
    std::vector<JobView> jobs;
    std::string cursor;
};

// Scheduled jobs (spec service-api 7): kept on the first loop, callable on any. What they answer is
// durable.
class Jobs {
public:
    explicit Jobs(Hub& hub);
    ~Jobs();

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop: begins with what is due.
    void tick();

    // The hub is about to end: nothing else begins, so that as few calls as may be are cut off, and
    // what is known is written down. Before the calls that wait are ended; any thread.
    void end();

    // What read_job() gave. Errors: job_already_exists, too_many_jobs.
    Task<Result<JobView>> create(JobSpec spec);
    // Nothing: there is no such job.
    Task<Result<std::optional<JobView>>> get(std::string id);
    // A job that has not begun; with `running` one that has, too: it ends when what is under way
    // has. Errors: job_not_found, state_conflict.
    Task<Result<JobView>> cancel(std::string id, bool running = false);
    // Errors: argument_invalid for a foreign cursor.
    Task<Result<JobPage>> list(JobFilter filter, std::string cursor, std::size_t limit);
    // Rows of devices.jobs: by job, each in the order of its list. A page may hold fewer rows than
    // it might, and none, before the last one. Errors: argument_invalid (a foreign cursor, a clause
    // that devices.jobs does not have), timeout (nobody waits any more), corrupted.
    Task<Result<QueryPage>> devices(std::shared_ptr<const query::Plan> plan, PageRequest request);

    // jobStarted, jobCompleted, jobFailed, jobCancelled (job_event.h), when it is durable. Passing
    // by: what a crash cuts off is not told again.
    DeviceEvents& events();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace twinhub::hub

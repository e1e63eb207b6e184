#include "hub/jobs/metrics.h"

#include "base/instruments.h"

namespace twinhub::hub {

JobMetrics::JobMetrics(prometheus::Registry& registry)
    : active(gauge(registry, "twin_jobs_active", "Scheduled jobs that wait or run")),
      kept(gauge(registry, "twin_jobs_kept", "Scheduled jobs that are known, ended ones included")),
      devices_under_way(gauge(registry, "twin_job_devices_under_way",
                              "Devices that jobs are changing or calling right now")),
      forgotten(counter(registry, "twin_jobs_expired_total",
                        "Ended jobs that were removed for their age")),
      forgotten_early(counter(registry, "twin_jobs_displaced_total",
                              "Ended jobs that were removed because there were too many")),
      refused_too_many(counter(registry, "twin_jobs_refused_total",
                               "Jobs that were refused because too many had not ended")),
      retried(counter(registry, "twin_job_retries_total",
                      "Groups of devices that jobs tried again after the store had failed")) {
    auto& operations = prometheus::BuildCounter()
                           .Name("twin_job_ops_total")
                           .Help("Requests about scheduled jobs, by what was asked and its result")
                           .Register(registry);
    const char* const names[] = {"create_twin_update", "create_method", "cancel", "list", "query"};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        operations_[2 * i] = &operations.Add({{"op", names[i]}, {"result", "success"}});
        operations_[2 * i + 1] = &operations.Add({{"op", names[i]}, {"result", "failure"}});
    }
    auto& ends = prometheus::BuildCounter()
                     .Name("twin_jobs_ended_total")
                     .Help("Scheduled jobs that ended, by how")
                     .Register(registry);
    const char* const hows[] = {"completed", "failed", "cancelled"};
    for (std::size_t i = 0; i < std::size(hows); ++i) ended_[i] = &ends.Add({{"result", hows[i]}});
    auto& devices = prometheus::BuildCounter()
                        .Name("twin_job_devices_total")
                        .Help("Devices that jobs were done with, by what became of it")
                        .Register(registry);
    devices_[0] = &devices.Add({{"result", "succeeded"}});
    devices_[1] = &devices.Add({{"result", "failed"}});
}

void JobMetrics::operation(Operation what, bool success) {
    operations_[2 * static_cast<std::size_t>(what) + (success ? 0 : 1)]->Increment();
}

void JobMetrics::ended(End how) { ended_[static_cast<std::size_t>(how)]->Increment(); }

void JobMetrics::device_ended(Device how) { devices_[static_cast<std::size_t>(how)]->Increment(); }

}  // namespace twinhub::hub

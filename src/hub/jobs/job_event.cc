#include "hub/jobs/job_event.h"

#include "hub/changes/author_json.h"
#include "hub/notice.h"

namespace twinhub::hub {
namespace {

std::string_view operation_of(JobStatus status) {
    switch (status) {
        case JobStatus::queued:
        case JobStatus::scheduled:
        case JobStatus::running: return "jobStarted";
        case JobStatus::completed: return "jobCompleted";
        case JobStatus::failed: return "jobFailed";
        case JobStatus::cancelled: return "jobCancelled";
    }
    return "jobStarted";
}

}  // namespace

std::shared_ptr<DeviceEvent> job_event(const JobSpec& spec, const JobState& state, Instant at) {
    json::object body{{"jobId", spec.id},
                      {"type", name_of(spec.type)},
                      {"status", name_of(state.status)},
                      {"at", format_instant(at)}};
    if (state.started > never) body["startTime"] = format_instant(state.started);
    if (has_ended(state.status) && state.resolved) {
        body["devices"] = state.devices;
        body["succeeded"] = state.succeeded;
        body["failed"] = state.failed;
    }
    if (!state.failure_reason.empty()) body["failureReason"] = state.failure_reason;
    body["by"] = author_json(spec.author, {});
    return make_notice({operation_of(state.status), "jobEvents", "jobNotification"},
                       {"jobId", spec.id}, at, to_text(json::value(std::move(body))));
}

}  // namespace twinhub::hub

#include "hub/jobs/job.h"

#include "base/encoding.h"
#include "base/json_members.h"
#include "hub/methods/method_calls.h"
#include "hub/methods/read_call.h"

#include <algorithm>
#include <array>

namespace twinhub::hub {
namespace {

constexpr std::size_t id_characters_max = 128;
constexpr std::size_t condition_bytes_max =
    std::size_t{4} * 8192;  // the language counts characters
constexpr std::int64_t time_default = 3600;
constexpr std::int64_t time_max = 30 * 24 * 3600;

bool is_id_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-:.+%_#*?!(),=@;$'").find(c) != std::string_view::npos;
}

Result<MethodCall> read_call(const json::object& body) {
    TRY(MethodCall call, read_method_call(body));
    TRY_VOID(MethodCalls::check(call));
    return call;
}

// Below its member, where the request has it.
std::unexpected<Error> within(std::string_view member, Error error) {
    error.where = error.where.empty() ? std::string(member)
                                      : std::string(member) + "." + std::move(error.where);
    return std::unexpected(std::move(error));
}

Result<std::string> read_update(const json::object& body) {
    TRY(const json::object* const update, object_member(body, "updateTwin"));
    if (!update)
        return failure(Code::argument_null, "The job does not say what to write", "updateTwin");
    const json::value* const etag = update->if_contains("etag");
    if (!etag || !etag->is_string() || etag->get_string() != "*")
        return failure(Code::argument_invalid,
                       "A job writes whatever the version of a twin is: its etag must be \"*\"",
                       "updateTwin.etag");
    if (auto checked = twin::parse_service_update(*update, twin::Kind::patch); !checked)
        return within("updateTwin", std::move(checked).error());
    return to_text(json::value(*update));
}

Result<std::string> read_method(const json::object& body) {
    TRY(const json::object* const method, object_member(body, "cloudToDeviceMethod"));
    if (!method)
        return failure(Code::argument_null, "The job does not say which method to call",
                       "cloudToDeviceMethod");
    if (auto checked = read_call(*method); !checked)
        return within("cloudToDeviceMethod", std::move(checked).error());
    return to_text(json::value(*method));
}

Result<JobType> read_type(const json::object& body) {
    TRY(const auto type, text_member(body, "type"));
    if (!type) return failure(Code::argument_null, "The job has no type", "type");
    for (const JobType known : {JobType::twin_update, JobType::method})
        if (*type == name_of(known)) return known;
    return failure(Code::argument_invalid,
                   "A job's type is scheduleUpdateTwin or scheduleDeviceMethod", "type");
}

}  // namespace

std::string_view name_of(JobType type) {
    return type == JobType::method ? "scheduleDeviceMethod" : "scheduleUpdateTwin";
}

std::string_view name_of(JobStatus status) {
    constexpr std::string_view names[] = {"queued",    "scheduled", "running",
                                          "completed", "failed",    "cancelled"};
    return names[static_cast<std::size_t>(status)];
}

std::string_view name_of(DeviceJobStatus status) {
    constexpr std::string_view names[] = {"pending",   "scheduled", "running",
                                          "completed", "failed",    "canceled"};
    return names[static_cast<std::size_t>(status)];
}

bool has_ended(JobStatus status) { return status >= JobStatus::completed; }

Result<> check_job_id(std::string_view id) {
    if (!id.empty() && id.size() <= id_characters_max && std::ranges::all_of(id, is_id_character))
        return {};
    return failure(Code::argument_invalid,
                   "A job's id is 1 to 128 letters, digits and -:.+%_#*?!(),=@;$'", "jobId");
}

Result<JobSpec> read_job(std::string_view id, const json::object& body, const Author& author,
                         Instant now, std::chrono::milliseconds ahead_max) {
    TRY_VOID(check_job_id(id));
    JobSpec spec{.id = std::string(id), .created = now, .start = now, .author = author};
    TRY(const auto named, text_member(body, "jobId"));
    if (named && *named != id)
        return failure(Code::argument_invalid,
                       "The job in the body has another id than the one in the path", "jobId");
    TRY(spec.type, read_type(body));
    TRY(spec.task, spec.type == JobType::method ? read_method(body) : read_update(body));
    TRY(const auto condition, text_member(body, "queryCondition"));
    if (condition) spec.condition = *condition;
    if (spec.condition.size() > condition_bytes_max)
        return failure(Code::argument_invalid, "The condition is longer than 8192 characters",
                       "queryCondition");
    TRY(const auto start, text_member(body, "startTime"));
    if (start && !start->empty()) {
        auto at = parse_instant(*start);
        if (!at) return within("startTime", std::move(at).error());
        spec.start = std::max(*at, now);
    }
    if (spec.start - now > ahead_max)
        return failure(
            Code::argument_invalid,
            "A job must start within " +
                std::to_string(std::chrono::duration_cast<std::chrono::hours>(ahead_max).count()) +
                " hours",
            "startTime");
    TRY(const auto seconds, integer_member(body, "maxExecutionTimeInSeconds"));
    const std::int64_t lasts = seconds.value_or(0) == 0 ? time_default : *seconds;
    if (lasts < 0 || lasts > time_max)
        return failure(Code::argument_invalid, "A job may take from 1 second to 30 days",
                       "maxExecutionTimeInSeconds");
    spec.time_max = std::chrono::seconds(lasts);
    return spec;
}

Result<twin::ServiceUpdate> update_of(const JobSpec& spec) {
    TRY(const json::value task, parse_json(spec.task));
    if (!task.is_object()) return failure(Code::corrupted, "A job's update is not an object");
    return twin::parse_service_update(task.get_object(), twin::Kind::patch);
}

Result<MethodCall> call_of(const JobSpec& spec) {
    TRY(const json::value task, parse_json(spec.task));
    if (!task.is_object()) return failure(Code::corrupted, "A job's method is not an object");
    return read_call(task.get_object());
}

Result<JobFilter> read_job_filter(std::string_view type, std::string_view status) {
    JobFilter filter;
    if (!type.empty()) {
        if (equals_ignoring_case(type, "scheduleUpdateTwin")) filter.type = JobType::twin_update;
        else if (equals_ignoring_case(type, "scheduleDeviceMethod")) filter.type = JobType::method;
        else if (constexpr std::array others{
                     "unknown", "export", "import", "exportDevices", "importDevices", "backup",
                     "readDeviceProperties", "writeDeviceProperties", "updateDeviceConfiguration",
                     "rebootDevice", "factoryResetDevice", "firmwareUpdate"};
                 std::ranges::any_of(others, [type](std::string_view other) {
                     return equals_ignoring_case(type, other);
                 }))
            filter.nothing = true;
        else
            return failure(Code::argument_invalid,
                           "A job's type is scheduleUpdateTwin or scheduleDeviceMethod", "jobType");
    }
    if (status.empty()) return filter;
    for (const JobStatus known : {JobStatus::queued, JobStatus::scheduled, JobStatus::running,
                                  JobStatus::completed, JobStatus::failed, JobStatus::cancelled})
        if (equals_ignoring_case(status, name_of(known))) filter.status = known;
    if (equals_ignoring_case(status, "enqueued")) filter.status = JobStatus::queued;
    if (filter.status) return filter;
    if (equals_ignoring_case(status, "unknown")) filter.nothing = true;
    else
        return failure(Code::argument_invalid,
                       "A job is queued, scheduled, running, completed, failed or cancelled",
                       "jobStatus");
    return filter;
}

JobStatus status_at(const JobSpec& spec, const JobState& state, Instant now) {
    return state.status == JobStatus::queued && spec.start > now ? JobStatus::scheduled
                                                                 : state.status;
}

Instant deadline_of(const JobSpec& spec, const JobState& state) {
    return state.started + spec.time_max;
}

}  // namespace twinhub::hub

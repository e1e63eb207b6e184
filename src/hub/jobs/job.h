#pragma once

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/author.h"
#include "hub/methods/method_call.h"
#include "twin/update.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::hub {

// What a scheduled job is and how far it is (spec service-api 7). Values; rules are pure.

// Stored: never renumber.
enum class JobType : std::uint8_t { twin_update = 0, method = 1 };
enum class JobStatus : std::uint8_t {
    queued = 0,     // waits for its turn
    scheduled = 1,  // waits for its time
    running = 2,
    completed = 3,  // even when some devices failed
    failed = 4,     // its condition could not be answered, or its time was over
    cancelled = 5,
};
enum class DeviceJobStatus : std::uint8_t {
    pending = 0,
    scheduled = 1,  // of a job that has not begun: never stored
    running = 2,
    completed = 3,
    failed = 4,
    canceled = 5,
};

// Names on the wire: scheduleUpdateTwin, cancelled, canceled (with one l: a device's).
std::string_view name_of(JobType type);
std::string_view name_of(JobStatus status);
std::string_view name_of(DeviceJobStatus status);
bool has_ended(JobStatus status);

// What was ordered. Never changes.
struct JobSpec {
    std::string id;
    JobType type = JobType::twin_update;
    std::string condition;  // as it was sent; "" and "*": all devices
    // The member `updateTwin` or `cloudToDeviceMethod`, as JSON: it is echoed as it came.
    std::string task;
    Instant created{};
    Instant start{};  // not before
    std::chrono::seconds time_max{};
    Author author;  // who ordered it
};

// How far it is.
struct JobState {
    JobStatus status = JobStatus::queued;
    Instant started = never;
    Instant ended = never;
    bool resolved = false;  // the list of its devices is complete
    std::uint64_t devices = 0;
    std::uint64_t succeeded = 0;  // in groups that are done: what is under way comes on top
    std::uint64_t failed = 0;
    std::string failure_reason;

    friend bool operator==(const JobState&, const JobState&) = default;
};

// What services see of a job at one moment.
struct JobView {
    JobSpec spec;
    JobState state;             // succeeded and failed with what is under way
    std::uint64_t running = 0;  // devices that are being changed or called now
};

// Why a job is refused for its form alone: no id of a job (1 to 128 characters).
Result<> check_job_id(std::string_view id);

// Reads the body of a request to create a job (7.2). Errors: argument_null (no type, no updateTwin,
// no cloudToDeviceMethod), argument_invalid with the member: another id than `id`, an unknown type,
// an etag that is not "*", a patch that no twin takes, a start beyond `ahead_max`.
Result<JobSpec> read_job(std::string_view id, const json::object& body, const Author& author,
                         Instant now, std::chrono::milliseconds ahead_max);

// What is done to each device. Errors: none for a task that read_job() let pass.
Result<twin::ServiceUpdate> update_of(const JobSpec& spec);
Result<MethodCall> call_of(const JobSpec& spec);

// A filter of a list, in any case, wire names and those of .NET's enumerations. Types that jobs
// cannot have (import, export) are no error and match nothing. Errors: argument_invalid.
struct JobFilter {
    std::optional<JobType> type;
    std::optional<JobStatus> status;
    bool nothing = false;
};
Result<JobFilter> read_job_filter(std::string_view type, std::string_view status);

// The status that a job has at `now` when nothing more is written: a queued job whose time has not
// come is scheduled.
JobStatus status_at(const JobSpec& spec, const JobState& state, Instant now);
Instant deadline_of(const JobSpec& spec, const JobState& state);

}  // namespace twinhub::hub

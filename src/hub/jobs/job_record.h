#pragma once

#include "base/ids.h"
#include "hub/jobs/job.h"
#include "store/engine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What is stored of jobs; the store frames it. Formats only grow.
//
// A job is two records: what was ordered (its id), and how far it is (its id, NUL). Its devices
// stand in groups of neighbours in key order that share a slot: a group is one record under the job
// and its first device. So a job over a million devices is a few thousand records, each written
// once more when all of it is done, and one device of it is found with one seek.
namespace twinhub::hub {

inline constexpr std::uint16_t job_format = 1;
inline constexpr std::uint16_t job_state_format = 1;
inline constexpr std::uint16_t job_devices_format = 1;

std::string job_key(std::string_view id);
std::string job_state_key(std::string_view id);
std::string job_group_key(std::string_view id, const TwinId& first);
store::Range job_groups_range(std::string_view id);
// The first device of a group, from its key. Nothing when it is no such key.
std::optional<TwinId> first_of_group(std::string_view id, std::string_view key);

void append_encoded(std::string& out, const JobSpec& spec);
Result<JobSpec> decode_job(std::string_view id, std::string_view bytes);
void append_encoded(std::string& out, const JobState& state);
Result<JobState> decode_job_state(std::string_view bytes);

// Why a device failed, as `error` of its row says it.
struct DeviceJobError {
    std::string code;
    std::string description;

    friend bool operator==(const DeviceJobError&, const DeviceJobError&) = default;
};

// One device of a job.
struct JobDevice {
    TwinId id;
    std::string generation;
    DeviceJobStatus status = DeviceJobStatus::pending;
    Instant updated = never;  // not while pending
    DeviceJobError error;     // failed
    int method_status = 0;    // completed, of a method
    std::string method_payload;

    friend bool operator==(const JobDevice&, const JobDevice&) = default;
};

struct JobGroup {
    std::string key;
    bool done = false;  // nothing in it will change any more
    std::vector<JobDevice> devices;

    friend bool operator==(const JobGroup&, const JobGroup&) = default;
};

void append_encoded(std::string& out, const JobGroup& group);
Result<JobGroup> decode_job_group(std::string_view key, std::string_view bytes);
// Whether it is done, without the rest.
Result<bool> is_done_group(std::string_view bytes);

// The whole values, framed.
std::string stored_job(const JobSpec& spec);
std::string stored_state(const JobSpec& spec, const JobState& state);
std::string stored_group(const JobGroup& group);
Result<JobGroup> open_group(std::string_view key, std::string_view value);

}  // namespace twinhub::hub

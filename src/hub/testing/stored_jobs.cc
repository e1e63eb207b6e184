#include "hub/testing/stored_jobs.h"

#include "base/json_members.h"

#include <map>

namespace twinhub::hub::testing {
namespace {

Instant time_of(const json::object& row, std::string_view name) {
    return parse_instant(text_in(row, name)).value();
}

StoredJob job_of(const json::object& row) {
    const bool running = text_in(row, "status") == "running";
    StoredJob job;
    job.spec = {.id = text_in(row, "jobId"),
                .type = text_in(row, "jobType") == name_of(JobType::method) ? JobType::method
                                                                            : JobType::twin_update,
                .created = time_of(row, "createdDateTimeUtc"),
                .time_max = std::chrono::duration_cast<std::chrono::seconds>(
                    time_of(row, "endTimeUtc") - time_of(row, "startTimeUtc"))};
    job.state = {.status = running ? JobStatus::running : JobStatus::completed,
                 .started = time_of(row, "startTimeUtc"),
                 .ended = running ? never : time_of(row, "endTimeUtc"),
                 .resolved = true};
    return job;
}

JobDevice device_of(const json::object& row) {
    const std::string status = text_in(row, "status");
    JobDevice device{.id = {DeviceId::parse(text_in(row, "deviceId")).value(), {}},
                     .updated = time_of(row, "lastUpdatedDateTimeUtc")};
    device.status = status == "running"  ? DeviceJobStatus::running
                    : status == "failed" ? DeviceJobStatus::failed
                                         : DeviceJobStatus::completed;
    if (const json::value* error = row.if_contains("error"))
        device.error = {text_in(*error, "code"), text_in(*error, "description")};
    if (const json::value* outcome = row.if_contains("outcome");
        outcome != nullptr && outcome->at("deviceMethodResponse").is_object()) {
        const json::value& answer = outcome->at("deviceMethodResponse");
        device.method_status = static_cast<int>(answer.at("status").as_int64());
        device.method_payload = to_text(answer.at("payload"));
    }
    return device;
}

}  // namespace

std::vector<StoredJob> stored_jobs(const std::vector<json::object>& rows) {
    std::map<std::string, StoredJob> jobs;
    for (const json::object& row : rows) {
        StoredJob made = job_of(row);
        StoredJob& job = jobs.try_emplace(made.spec.id, std::move(made)).first->second;
        job.devices.push_back(device_of(row));
        ++job.state.devices;
    }
    std::vector<StoredJob> all;
    for (auto& [id, job] : jobs) all.push_back(std::move(job));
    return all;
}

Result<> store_jobs(store::Engine& engine, const std::vector<json::object>& rows) {
    store::Batch batch;
    for (const StoredJob& job : stored_jobs(rows)) {
        const std::string& id = job.spec.id;
        batch.put(store::Family::metadata, job_key(id), stored_job(job.spec));
        batch.put(store::Family::metadata, job_state_key(id), stored_state(job.spec, job.state));
        for (const JobDevice& device : job.devices) {
            const JobGroup group{.key = job_group_key(id, device.id),
                                 .done = has_ended(job.state.status),
                                 .devices = {device}};
            batch.put(store::Family::metadata, group.key, stored_group(group));
        }
    }
    const store::Batch* const one = &batch;
    return engine.commit(std::span(&one, 1));
}

}  // namespace twinhub::hub::testing

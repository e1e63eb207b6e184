#include "gateway/http/job_json.h"

#include "base/json.h"

#include <algorithm>

namespace twinhub::gateway::http {
namespace {

void append_text(std::string& out, std::string_view name, std::string_view text) {
    out += out.back() == '{' ? "\"" : ",\"";
    out += name;
    out += "\":";
    append_json_string(out, text);
}

void append_count(std::string& out, std::string_view name, std::uint64_t count) {
    out += out.back() == '{' ? "\"" : ",\"";
    out += name;
    out += "\":";
    append_json_number(out, count);
}

}  // namespace

void append_job(std::string& out, const hub::JobView& job) {
    const hub::JobSpec& spec = job.spec;
    const hub::JobState& state = job.state;
    out += '{';
    append_text(out, "jobId", spec.id);
    append_text(out, "type", name_of(spec.type));
    append_text(out, "status", name_of(state.status));
    append_text(out, "queryCondition", spec.condition);
    append_text(out, "createdTime", format_instant(spec.created));
    append_text(out, "startTime", format_instant(spec.start));
    if (state.ended != never) append_text(out, "endTime", format_instant(state.ended));
    append_count(out, "maxExecutionTimeInSeconds",
                 static_cast<std::uint64_t>(spec.time_max.count()));
    out += spec.type == hub::JobType::method ? ",\"cloudToDeviceMethod\":" : ",\"updateTwin\":";
    out += spec.task;
    if (!state.failure_reason.empty()) append_text(out, "failureReason", state.failure_reason);
    const std::uint64_t ended = state.succeeded + state.failed;
    const std::uint64_t left = state.devices - std::min(state.devices, ended);
    const std::uint64_t running = std::min(left, job.running);
    out += R"(,"deviceJobStatistics":{)";
    append_count(out, "deviceCount", state.devices);
    append_count(out, "failedCount", state.failed);
    append_count(out, "succeededCount", state.succeeded);
    append_count(out, "runningCount", running);
    append_count(out, "pendingCount", left - running);
    out += "}}";
}

void append_unknown_job(std::string& out, std::string_view id) {
    out += R"({"jobId":)";
    append_json_string(out, id);
    out += R"(,"type":"unknown","status":"unknown"})";
}

}  // namespace twinhub::gateway::http

#include "gateway/http/continuation.h"
#include "gateway/http/handlers.h"
#include "gateway/http/job_json.h"
#include "gateway/http/limits.h"
#include "gateway/http/paging.h"
#include "hub/jobs/jobs.h"

namespace twinhub::gateway::http {
namespace {

std::string id_of(const Call& call) {
    return std::string(segment_of(call.route, call.request, "{any}"));
}

// What is ours alone: end a job that has begun, too.
bool ends_running(const Call& call) {
    return call.request.parameter("running").value_or("") == "true";
}

}  // namespace

Task<Result<>> put_scheduled_job(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::JobSpec spec,
           hub::read_job(id_of(call), body, author_of(call), call.hub.clock().now(),
                         call.hub.settings().jobs.ahead_max));
    CO_TRY(const hub::JobView job, co_await call.hub.jobs().create(std::move(spec)));
    append_job(call.reply.body, job);
    co_return Result<>();
}

// A job that is not there is no error: its type and status are unknown (spec service-api 7.1).
Task<Result<>> get_scheduled_job(Call& call) {
    const std::string id = id_of(call);
    CO_TRY(const auto job, co_await call.hub.jobs().get(id));
    if (job) append_job(call.reply.body, *job);
    else append_unknown_job(call.reply.body, id);
    co_return Result<>();
}

Task<Result<>> cancel_scheduled_job(Call& call) {
    CO_TRY(const hub::JobView job,
           co_await call.hub.jobs().cancel(id_of(call), ends_running(call)));
    append_job(call.reply.body, job);
    co_return Result<>();
}

Task<Result<>> list_scheduled_jobs(Call& call) {
    const std::string type = call.request.parameter("jobType").value_or("");
    const std::string status = call.request.parameter("jobStatus").value_or("");
    CO_TRY(const hub::JobFilter filter, hub::read_job_filter(type, status));
    CO_TRY(const std::size_t items, page_items(call.request));
    const std::string scope_text = "jobs type=" + type + " status=" + status;
    const ContinuationScope scope{scope_text, call.principal.name, "jobs"};
    std::string cursor;
    if (const auto token = call.request.field(Field::continuation); token && !token->empty()) {
        CO_TRY(cursor, read_continuation(scope, *token));
    }
    CO_TRY(const hub::JobPage page,
           co_await call.hub.jobs().list(filter, std::move(cursor), items));
    std::vector<std::string> rows;
    for (const hub::JobView& job : page.jobs) append_job(rows.emplace_back(), job);
    append_rows(call.reply.body, rows);
    call.reply.add_field("x-ms-item-type", "JobResponse");
    if (!page.cursor.empty())
        call.reply.add_field("x-ms-continuation", make_continuation(scope, page.cursor));
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

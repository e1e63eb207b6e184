#include "gateway/http/handlers.h"

namespace twinhub::gateway::http {

Task<Result<>> list_jobs(Call& call) {
    call.reply.body = "[]";
    co_return Result<>();
}

Task<Result<>> create_job(Call& call) {
    CO_TRY_VOID(json_object(call));
    co_return failure(Code::blob_container_invalid,
                      "This hub has no blob storage to import from or export to");
}

Task<Result<>> get_job(Call& call) {
    co_return failure(
        Code::job_not_found,
        "There is no job " + std::string(segment_of(call.route, call.request, "{any}")));
}

}  // namespace twinhub::gateway::http

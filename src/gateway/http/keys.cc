#include "gateway/http/handlers.h"
#include "gateway/http/keys_json.h"

namespace twinhub::gateway::http {

Task<Result<>> regenerate_keys(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(KeysRequest request, read_keys_request(body));
    const hub::KeyChoice choice = request.choice;
    const hub::RotationResult result = co_await call.hub.registry().regenerate_keys(
        std::move(request.ids), choice, author_of(call));
    append_keys_result(call.reply.body, choice, result);
    // All, some or none (spec service-api 4.7).
    if (!result.errors.empty()) call.reply.status = result.rotated.empty() ? 400 : 207;
    if (call.reply.status == 400) call.reply.error_name = "BulkRegenerateDeviceKeyOperationFailure";
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

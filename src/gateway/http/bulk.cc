#include "gateway/http/bulk_json.h"
#include "gateway/http/handlers.h"
#include "gateway/wire_status.h"

namespace twinhub::gateway::http {

Task<Result<>> bulk_identities(Call& call) {
    CO_TRY(const std::string_view text, json_body(call));
    CO_TRY(const json::value body, parse_json(text, JsonLimits{call.route.body_bytes_max, 64}));
    CO_TRY(BulkRequest request, read_bulk(body, call.hub.clock().now()));
    std::vector<BulkFailure> failures = std::move(request.refused);
    if (!request.items.empty()) {
        auto errors = co_await call.hub.registry().bulk(std::move(request.items), author_of(call));
        for (hub::BulkError& error : errors)
            failures.push_back(
                {error.id.device.text(), error.id.module.text(), std::move(error.error)});
    }
    append_bulk_result(call.reply.body, failures);
    if (!failures.empty()) {
        // Both headers: without the first a client throws instead of showing the result (spec
        // service-api 4.6).
        const WireStatus& row = wire_status(Code::bulk_operation_failed);
        call.reply.status = row.http();
        call.reply.error_name = row.name;
        call.reply.add_field("IotHubErrorCode", row.name);
    }
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

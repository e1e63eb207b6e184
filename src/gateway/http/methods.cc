#include "gateway/http/handlers.h"
#include "hub/methods/read_call.h"

namespace twinhub::gateway::http {

// Spec service-api 10.1.
Task<Result<>> invoke_method(Call& call) {
    call.reply.device_errors_nested = true;
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::MethodCall method, hub::read_method_call(body));
    method.wanted = call.watch_client();
    CO_TRY(const hub::MethodResult result,
           co_await call.hub.methods().invoke(call.object, std::move(method), author_of(call)));
    call.reply.body += R"({"status":)";
    append_json_number(call.reply.body, std::int64_t{result.status});
    call.reply.body += R"(,"payload":)";
    call.reply.body += result.payload;
    call.reply.body += '}';
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

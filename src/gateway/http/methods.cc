#include "base/json_members.h"
#include "gateway/http/handlers.h"

namespace twinhub::gateway::http {
namespace {

constexpr std::int64_t seconds_max = 1'000'000;  // far beyond any limit: just not to overflow

Result<> read_seconds(const json::object& body, std::string_view name,
                      std::chrono::seconds& seconds) {
    TRY(const auto number, integer_member(body, name));
    if (number) seconds = std::chrono::seconds(std::clamp(*number, -seconds_max, seconds_max));
    return {};
}

Result<hub::MethodCall> read_call(const json::object& body) {
    hub::MethodCall call;
    TRY(const auto name, text_member(body, "methodName"));
    if (!name) return failure(Code::argument_null, "The method has no name", "methodName");
    call.name = *name;
    TRY_VOID(read_seconds(body, "responseTimeoutInSeconds", call.response_timeout));
    TRY_VOID(read_seconds(body, "connectTimeoutInSeconds", call.connect_timeout));
    if (const json::value* payload = body.if_contains("payload")) {
        call.payload.clear();
        append_json(call.payload, *payload);
    }
    return call;
}

}  // namespace

// Spec service-api 10.1.
Task<Result<>> invoke_method(Call& call) {
    call.reply.device_errors_nested = true;
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::MethodCall method, read_call(body));
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

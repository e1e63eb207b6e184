// Devices that ask for their hub over HTTPS (spec device-protocols 7.3).
#include "base/encoding.h"
#include "base/json.h"
#include "gateway/http/provisioning/handlers.h"
#include "gateway/pause.h"
#include "gateway/provisioning_caller.h"

namespace twinhub::gateway::http {
namespace {

namespace dps = twinhub::provisioning;

Result<dps::Caller> caller_of(const Call& call) {
    return provisioning_caller(call.transport, segment_of(call.route, call.request, "{scope}"),
                               segment_of(call.route, call.request, "{id}"),
                               call.request.field(Field::authorization).value_or(""));
}

void say_when(Reply& reply, std::chrono::seconds retry_after) {
    if (retry_after.count() > 0)
        reply.add_field("Retry-After", std::to_string(retry_after.count()));
}

// Whoever guesses waits for each answer.
Task<Result<>> answer(Call& call, dps::Outcome outcome) {
    if (outcome) {
        call.reply.status = outcome->assigning ? 202 : 200;
        call.reply.body = std::move(outcome->body);
        say_when(call.reply, outcome->retry_after);
        co_return Result<>{};
    }
    dps::Refusal& refusal = outcome.error();
    if (refusal.held_back.count() > 0) {
        Pause pause(call.transport.executor(), call.deadlines);
        co_await pause.until(call.hub.clock().monotonic() + refusal.held_back);
    }
    say_when(call.reply, refusal.retry_after);
    co_return std::unexpected(std::move(refusal.error));
}

// What a device with a TPM is told instead of being let in: the key that it has to sign with (spec
// device-protocols 7.3).
std::string challenge_body(std::string_view blob) {
    std::string body = R"({"message":"Unauthorized","authenticationKey":)";
    append_json_string(body, base64_encode(blob));
    body += R"(,"keyName":"registration"})";
    return body;
}

// Its first request: nothing proves it yet.
Task<Result<>> challenge(Call& call, dps::Caller caller, dps::TpmKeys keys) {
    dps::Challenged challenged =
        co_await call.provisioning->challenge(std::move(caller), std::move(keys));
    if (!challenged) {
        dps::Outcome refused = std::unexpected(std::move(challenged).error());
        co_return co_await answer(call, std::move(refused));
    }
    call.reply.status = 401;
    call.reply.body = challenge_body(*challenged);
    co_return Result<>{};
}

}  // namespace

Task<Result<>> register_device(Call& call) {
    CO_TRY(dps::Caller caller, caller_of(call));
    if (caller.token.empty()) {
        const auto request = dps::parse_register(call.request.body, caller.id);
        if (request && request->tpm)
            co_return co_await challenge(call, std::move(caller), *request->tpm);
    }
    const std::string path = "/" + percent_encode(caller.scope) + "/registrations/" +
                             percent_encode(caller.id.text()) + "/operations/";
    dps::Outcome outcome =
        co_await call.provisioning->register_device(std::move(caller), call.request.body);
    if (outcome)
        call.reply.add_field(
            "Location",
            "https://" + std::string(call.request.field(Field::host).value_or("")) + path +
                outcome->operation + "?api-version=" +
                percent_encode(call.request.parameter("api-version").value_or("2019-03-31")));
    co_return co_await answer(call, std::move(outcome));
}

Task<Result<>> get_operation(Call& call) {
    CO_TRY(dps::Caller caller, caller_of(call));
    std::string operation(segment_of(call.route, call.request, "{operation}"));
    dps::Outcome outcome =
        co_await call.provisioning->operation(std::move(caller), std::move(operation));
    co_return co_await answer(call, std::move(outcome));
}

Task<Result<>> look_up_registration(Call& call) {
    CO_TRY(dps::Caller caller, caller_of(call));
    dps::Outcome outcome = co_await call.provisioning->lookup(std::move(caller));
    co_return co_await answer(call, std::move(outcome));
}

}  // namespace twinhub::gateway::http

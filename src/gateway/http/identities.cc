#include "gateway/http/handlers.h"
#include "gateway/http/identity_json.h"

#include <charconv>

namespace twinhub::gateway::http {
namespace {

void show(Reply& reply, const hub::IdentityView& view) {
    append_identity(reply.body, view);
    reply.etag = view.identity->etag();
}

void show(Reply& reply, const std::vector<hub::IdentityView>& views) {
    reply.body += '[';
    for (const hub::IdentityView& view : views) {
        if (reply.body.size() > 1) reply.body += ',';
        append_identity(reply.body, view);
    }
    reply.body += ']';
}

// Spec service-api 4.5: at most 1000 and 1000 by default; more is clamped.
Result<std::size_t> top_of(const Request& request) {
    const auto text = request.parameter("top");
    if (!text || text->empty()) return list_items_max;
    std::size_t top = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), top);
    if (error == std::errc::result_out_of_range) return list_items_max;
    if (error != std::errc() || end != text->data() + text->size() || top == 0)
        return failure(Code::argument_invalid, "The value must be a number from 1 to 1000", "top");
    return std::min(top, list_items_max);
}

}  // namespace

Task<Result<>> list_devices(Call& call) {
    CO_TRY(const std::size_t top, top_of(call.request));
    CO_TRY(const std::vector<hub::IdentityView> views, co_await call.hub.registry().list(top));
    show(call.reply, views);
    co_return Result<>();
}

Task<Result<>> list_modules(Call& call) {
    CO_TRY(const std::vector<hub::IdentityView> views,
           co_await call.hub.registry().modules(call.object.device));
    show(call.reply, views);
    co_return Result<>();
}

Task<Result<>> get_identity(Call& call) {
    CO_TRY(const hub::IdentityView view, co_await call.hub.registry().get(call.object));
    show(call.reply, view);
    co_return Result<>();
}

// If-Match decides: without it the identity must be new, with it it must exist (spec
// service-api 1.5).
Task<Result<>> put_identity(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::IdentitySpec spec, read_identity(body, call.object));
    hub::Author author = author_of(call);
    if (match.is_absent()) {
        CO_TRY(const hub::IdentityView view,
               co_await call.hub.registry().create(std::move(spec), std::move(author)));
        show(call.reply, view);
    } else {
        CO_TRY(const hub::IdentityView view,
               co_await call.hub.registry().update(std::move(spec), std::move(match),
                                                   std::move(author)));
        show(call.reply, view);
    }
    co_return Result<>();
}

Task<Result<>> delete_identity(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    if (match.is_absent())
        co_return failure(Code::precondition_failed,
                          "The etag is missing: say If-Match with an etag or *");
    CO_TRY_VOID(
        co_await call.hub.registry().remove(call.object, std::move(match), author_of(call)));
    call.reply.status = 204;
    co_return Result<>();
}

Task<Result<>> device_statistics(Call& call) {
    CO_TRY(const hub::Statistics statistics, co_await call.hub.registry().statistics());
    std::string& body = call.reply.body;
    body += R"({"totalDeviceCount":)";
    append_json_number(body, statistics.devices_enabled + statistics.devices_disabled);
    body += R"(,"enabledDeviceCount":)";
    append_json_number(body, statistics.devices_enabled);
    body += R"(,"disabledDeviceCount":)";
    append_json_number(body, statistics.devices_disabled);
    body += '}';
    co_return Result<>();
}

Task<Result<>> service_statistics(Call& call) {
    CO_TRY(const hub::Statistics statistics, co_await call.hub.registry().statistics());
    call.reply.body += R"({"connectedDeviceCount":)";
    append_json_number(call.reply.body, statistics.devices_connected);
    call.reply.body += '}';
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

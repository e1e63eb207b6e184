#include "gateway/http/handlers.h"
#include "hub/views.h"

namespace twinhub::gateway::http {
namespace {

void show(Reply& reply, const hub::TwinView& view) {
    append_twin(reply.body, view);
    reply.etag = view.twin.etag();
}

Task<Result<>> update(Call& call, twin::Kind kind) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY(const std::string_view body, json_body(call));
    CO_TRY(twin::ServiceUpdate changes, twin::parse_service_update(body, kind));
    CO_TRY(const hub::TwinView view,
           co_await call.hub.twins().update(call.object, std::move(changes), std::move(match),
                                            author_of(call)));
    show(call.reply, view);
    co_return Result<>();
}

}  // namespace

Task<Result<>> get_twin(Call& call) {
    if (call.request.parameter("at") || call.request.parameter("atVersion"))
        co_return co_await get_twin_then(call);
    CO_TRY(const hub::TwinView view, co_await call.hub.twins().get(call.object));
    show(call.reply, view);
    co_return Result<>();
}

Task<Result<>> patch_twin(Call& call) { return update(call, twin::Kind::patch); }
Task<Result<>> put_twin(Call& call) { return update(call, twin::Kind::replace); }

}  // namespace twinhub::gateway::http

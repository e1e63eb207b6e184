// Who comes and goes (docs/connections.md).
#include "gateway/http/connections_json.h"
#include "gateway/http/handlers.h"
#include "gateway/http/parameters.h"
#include "hub/shards.h"

namespace twinhub::gateway::http {
namespace {

constexpr Window windows{.usual = std::chrono::minutes{60},
                         .least = std::chrono::minutes{1},
                         .most = std::chrono::minutes{hub::ConnectionRates::minutes_kept},
                         .range = "PT1H: a minute to a day"};

}  // namespace

Task<Result<>> get_sessions(Call& call) {
    CO_TRY(const std::size_t limit,
           limit_of(call, hub::sessions_page_default, hub::sessions_page_max));
    CO_TRY(const hub::SessionsOf sessions,
           co_await call.hub.connections().sessions(call.object, limit));
    append_sessions(call.reply.body, call.object, sessions);
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> fleet_connections(Call& call) {
    CO_TRY(const std::chrono::seconds seconds, window_of(call, windows));
    const auto window = std::chrono::ceil<std::chrono::minutes>(seconds);
    CO_TRY(const std::size_t limit,
           limit_of(call, hub::reconnecting_default, hub::reconnecting_max));
    CO_TRY(const hub::ConnectionSummary summary,
           co_await call.hub.connections().summary(window, limit));
    append_connections(call.reply.body, summary, call.hub.shards().size());
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

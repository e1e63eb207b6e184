// Who comes and goes (docs/connections.md).
#include "gateway/http/connections_json.h"
#include "gateway/http/handlers.h"
#include "gateway/http/history_json.h"
#include "hub/shards.h"
#include "query/time_text.h"

namespace twinhub::gateway::http {
namespace {

constexpr std::chrono::minutes window_default{60};
constexpr std::chrono::minutes window_max{hub::ConnectionRates::minutes_kept};

Result<std::size_t> limit_of(const Call& call, std::size_t usual, std::size_t most) {
    const auto text = call.request.parameter("limit");
    if (!text) return usual;
    TRY(const std::uint64_t limit, count_of(*text, "limit"));
    if (limit == 0 || limit > most)
        return failure(Code::argument_invalid, "The limit must be 1 to " + std::to_string(most),
                       "limit");
    return limit;
}

// PT1M to P1D, as it is written everywhere, with or without the sign of what lies back.
Result<std::chrono::minutes> window_of(const Call& call) {
    const auto text = call.request.parameter("window");
    if (!text) return window_default;
    const auto length = query::parse_time_ago(text->starts_with('-') ? *text : '-' + *text);
    if (!length || *length < std::chrono::minutes{1} || *length > window_max)
        return failure(Code::argument_invalid,
                       "The window is how long to look back, as PT1H: a minute to a day", "window");
    return std::chrono::ceil<std::chrono::minutes>(*length);
}

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
    CO_TRY(const std::chrono::minutes window, window_of(call));
    CO_TRY(const std::size_t limit,
           limit_of(call, hub::reconnecting_default, hub::reconnecting_max));
    CO_TRY(const hub::ConnectionSummary summary,
           co_await call.hub.connections().summary(window, limit));
    append_connections(call.reply.body, summary, call.hub.shards().size());
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

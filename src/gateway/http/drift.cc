// How far devices are from what is desired (docs/drift.md).
#include "base/json_members.h"
#include "gateway/http/drift_json.h"
#include "gateway/http/handlers.h"
#include "gateway/http/history_json.h"

#include <charconv>

namespace twinhub::gateway::http {
namespace {

constexpr std::size_t limit_default = 100;
constexpr std::size_t limit_max = 500;
constexpr std::size_t factors_default = 20;

hub::Drifts::Asker asker_of(Call& call) {
    return {.principal = call.principal.name, .wanted = call.watch_client()};
}

Result<std::size_t> limit_of(const Call& call) {
    const auto text = call.request.parameter("limit");
    if (!text) return limit_default;
    std::size_t limit = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc() || end != text->data() + text->size() || limit == 0)
        return failure(Code::argument_invalid, "The limit must be a number from 1 to 500", "limit");
    return std::min(limit, limit_max);
}

}  // namespace

Task<Result<>> get_drift(Call& call) {
    hub::DriftPast past(call.hub);
    if (const auto text = call.request.parameter("at")) {
        // The right to read a twin is not yet one to read its past.
        CO_TRY_VOID(hub::decide(call.principal, hub::Operation::history_read, call.object));
        CO_TRY(const Instant at, past_time(*text, call.hub.clock().now(), "at"));
        CO_TRY(const hub::TwinDrift then, co_await past.at(call.object, at));
        append_drift(call.reply.body, then, {});
        call.reply.add_field("x-as-of", format_instant(at));
        co_return Result<>();
    }
    CO_TRY(const hub::TwinDrift drift, co_await call.hub.drifts().of(call.object));
    DriftExtras extras;
    CO_TRY(extras.earlier, co_await past.earlier(drift));
    hub::FleetAsker asker{call.principal.name, call.watch_client()};
    CO_TRY(extras.like_this, co_await past.like_this(drift, std::move(asker)));
    append_drift(call.reply.body, drift, extras);
    co_return Result<>();
}

Task<Result<>> fleet_summary(Call& call) {
    std::string where = call.request.parameter("where").value_or("");
    CO_TRY(const hub::FleetDrift fleet,
           co_await call.hub.drifts().summary(std::move(where), asker_of(call)));
    append_summary(call.reply.body, fleet);
    co_return Result<>();
}

Task<Result<>> drift_paths(Call& call) {
    CO_TRY(const std::size_t limit, limit_of(call));
    std::string where = call.request.parameter("where").value_or("");
    const Instant at = call.hub.clock().now();
    CO_TRY(const std::vector<hub::PathDrift> paths,
           co_await call.hub.drifts().paths(std::move(where), limit, asker_of(call)));
    append_paths(call.reply.body, paths, at);
    co_return Result<>();
}

Task<Result<>> drift_why(Call& call) {
    hub::Drifts::WhyRequest request{.where = {}, .baseline = {}, .limit = factors_default};
    if (!call.request.body.empty()) {
        CO_TRY(const json::object body, json_object(call));
        CO_TRY(auto where, text_member(body, "where"));
        CO_TRY(auto baseline, text_member(body, "baseline"));
        CO_TRY(const auto limit, integer_member(body, "limit"));
        request.where = where.value_or("");
        request.baseline = baseline.value_or("");
        if (limit && (*limit < 1 || *limit > static_cast<std::int64_t>(limit_max)))
            co_return failure(Code::argument_invalid, "The limit must be a number from 1 to 500",
                              "limit");
        if (limit) request.limit = static_cast<std::size_t>(*limit);
    }
    CO_TRY(const hub::Why why, co_await call.hub.drifts().why(std::move(request), asker_of(call)));
    append_why(call.reply.body, why);
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

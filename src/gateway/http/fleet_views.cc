// The fleet by its values and by how it stands (docs/drift.md).
#include "gateway/http/fleet_views_json.h"
#include "gateway/http/handlers.h"
#include "gateway/http/history_json.h"
#include "query/time_text.h"

namespace twinhub::gateway::http {
namespace {

constexpr std::chrono::hours window_default{6};
constexpr std::chrono::days window_max{366};
constexpr std::chrono::days baseline_window{7};

hub::FleetAsker asker_of(Call& call) {
    return {.principal = call.principal.name, .wanted = call.watch_client()};
}

Result<std::size_t> limit_of(const Call& call, std::size_t usual, std::size_t most) {
    const auto text = call.request.parameter("limit");
    if (!text) return usual;
    TRY(const std::uint64_t limit, count_of(*text, "limit"));
    if (limit == 0 || limit > most)
        return failure(Code::argument_invalid, "The limit must be 1 to " + std::to_string(most),
                       "limit");
    return limit;
}

Result<hub::GroupsRequest::Sort> sort_of(const Call& call) {
    using Sort = hub::GroupsRequest::Sort;
    const std::string text = call.request.parameter("sort").value_or("attention");
    if (text == "attention") return Sort::attention;
    if (text == "devices") return Sort::devices;
    if (text == "key") return Sort::key;
    return failure(Code::argument_invalid, "They are sorted by attention, devices or key", "sort");
}

// With or without the sign of what lies back.
Result<std::chrono::seconds> window_of(const Call& call) {
    const auto text = call.request.parameter("window");
    if (!text) return window_default;
    const auto length = query::parse_time_ago(text->starts_with('-') ? *text : '-' + *text);
    if (!length || *length < std::chrono::seconds{1} || *length > window_max)
        return failure(Code::argument_invalid, "The window is how long to look back, as PT6H",
                       "window");
    return std::chrono::ceil<std::chrono::seconds>(*length);
}

}  // namespace

Task<Result<>> fleet_groups(Call& call) {
    hub::GroupsRequest request;
    request.by = call.request.parameters("by");
    request.where = call.request.parameter("where").value_or("");
    CO_TRY(request.limit, limit_of(call, hub::groups_default, hub::groups_max));
    CO_TRY(request.sort, sort_of(call));
    CO_TRY(const hub::FleetGroups groups,
           co_await hub::FleetViews(call.hub).groups(std::move(request), asker_of(call)));
    append_groups(call.reply.body, groups);
    co_return Result<>();
}

Task<Result<>> fleet_values(Call& call) {
    const auto path = call.request.parameter("path");
    if (!path) co_return failure(Code::argument_null, "The path is missing", "path");
    CO_TRY(const std::size_t limit, limit_of(call, hub::values_default, hub::values_max));
    CO_TRY(const hub::FleetValues values,
           co_await hub::FleetViews(call.hub).values(
               *path, call.request.parameter("prefix").value_or(""),
               call.request.parameter("where").value_or(""), limit, asker_of(call)));
    append_values(call.reply.body, values);
    co_return Result<>();
}

Task<Result<>> fleet_paths(Call& call) {
    const Instant at = call.hub.clock().now();
    CO_TRY(const std::vector<hub::PathFacts> paths, co_await hub::FleetViews(call.hub).paths());
    append_path_facts(call.reply.body, paths, at);
    co_return Result<>();
}

Task<Result<>> fleet_convergence(Call& call) {
    CO_TRY(const std::chrono::seconds window, window_of(call));
    const std::string where = call.request.parameter("where").value_or("");
    hub::FleetViews views(call.hub);
    CO_TRY(const hub::Convergence now, co_await views.convergence(where, window, asker_of(call)));
    CO_TRY(const hub::Convergence baseline,
           co_await views.convergence(where, baseline_window, asker_of(call)));
    append_convergence(call.reply.body, now, baseline);
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

// The fleet by its values and by how it stands (docs/drift.md).
#include "gateway/http/fleet_views_json.h"
#include "gateway/http/handlers.h"
#include "gateway/http/parameters.h"

namespace twinhub::gateway::http {
namespace {

constexpr Window windows{.usual = std::chrono::hours{6},
                         .least = std::chrono::seconds{1},
                         .most = std::chrono::days{366},
                         .range = "PT6H"};
constexpr std::chrono::days baseline_window{7};

hub::FleetAsker asker_of(Call& call) {
    return {.principal = call.principal.name, .wanted = call.watch_client()};
}

Result<bool> times_of(const Call& call) {
    const auto text = call.request.parameter("of");
    if (!text || *text == "p95Seconds") return text.has_value();
    return failure(Code::argument_invalid, "Beside the states a group has p95Seconds", "of");
}

Result<hub::GroupsRequest::Sort> sort_of(const Call& call) {
    using Sort = hub::GroupsRequest::Sort;
    const std::string text = call.request.parameter("sort").value_or("attention");
    if (text == "attention") return Sort::attention;
    if (text == "devices") return Sort::devices;
    if (text == "key") return Sort::key;
    return failure(Code::argument_invalid, "They are sorted by attention, devices or key", "sort");
}

}  // namespace

Task<Result<>> fleet_groups(Call& call) {
    hub::GroupsRequest request;
    request.by = call.request.parameters("by");
    request.where = call.request.parameter("where").value_or("");
    CO_TRY(request.limit, limit_of(call, hub::groups_default, hub::groups_max));
    CO_TRY(request.sort, sort_of(call));
    CO_TRY(request.times, times_of(call));
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
    CO_TRY(const std::chrono::seconds window, window_of(call, windows));
    const std::string where = call.request.parameter("where").value_or("");
    const std::string configuration = call.request.parameter("configuration").value_or("");
    hub::FleetViews views(call.hub);
    CO_TRY(const hub::Convergence now,
           co_await views.convergence(where, configuration, window, asker_of(call)));
    CO_TRY(const hub::Convergence baseline,
           co_await views.convergence(where, configuration, baseline_window, asker_of(call)));
    append_convergence(call.reply.body, now, baseline);
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

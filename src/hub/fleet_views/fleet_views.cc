#include "hub/fleet_views/fleet_views.h"

#include "base/json_members.h"
#include "hub/configurations/configurations.h"
#include "hub/fleet_views/group_times.h"
#include "query/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace twinhub::hub {
namespace {

using DriftState = twin::drift::State;

constexpr std::size_t rows_max = 50'000;  // of a grouped question

// A path as a query takes it, and nothing else. `reported.fw` stands for properties.reported.fw.
Result<std::string> checked_path(std::string path, std::string_view where) {
    for (const std::string_view part : {"desired.", "reported."})
        if (path.starts_with(part)) path.insert(0, "properties.");
    const auto plan = query::compile("SELECT " + path + " AS k FROM devices");
    if (!plan || plan->items.size() != 1 || plan->items[0].aggregate != query::Aggregate::none ||
        plan->where || plan->explain != query::Explain::no)
        return failure(Code::argument_invalid, "'" + path + "' is no path, as tags.site is one",
                       std::string(where));
    return path;
}

}  // namespace

void DriftOf::add(const DriftOf& more) {
    devices += more.devices;
    connected += more.connected;
    for (std::size_t i = 0; i < states.size(); ++i) states[i] += more.states[i];
}

std::uint64_t DriftOf::attention() const {
    return states[index_of(DriftState::stale)] + states[index_of(DriftState::drifted)] +
           states[index_of(DriftState::rejected)];
}

std::optional<double> Convergence::quantile(double share) const {
    if (devices == 0) return std::nullopt;
    const double wanted = share * static_cast<double>(devices);
    double below = 0;
    double from = 0;
    for (const Bucket& bucket : buckets) {
        const auto count = static_cast<double>(bucket.devices);
        if (count >= wanted && count > below)
            return from + (bucket.seconds - from) * (wanted - below) / (count - below);
        below = count;
        from = bucket.seconds;
    }
    return from;
}

Task<Result<FleetGroups>> FleetViews::groups(GroupsRequest request, FleetAsker asker) {
    if (request.by.empty() || request.by.size() > group_keys_max)
        co_return failure(Code::argument_invalid, "Group by one or two paths", "by");
    std::string keys;
    std::string list;
    std::vector<std::string> paths;
    for (std::size_t i = 0; i < request.by.size(); ++i) {
        CO_TRY(const std::string path, checked_path(request.by[i], "by"));
        keys += fmt::format("{} AS k{}, ", path, i);
        list += path + ", ";
        paths.push_back(path);
    }
    const std::string text = fmt::format(
        "SELECT {}$drift.state AS s, connectionState AS c, COUNT() AS n FROM devices GROUP BY "
        "{}$drift.state, connectionState",
        keys, list);
    FleetGroups answer{.at = hub_.clock().now()};
    CO_TRY(const auto rows,
           co_await ask_fleet(hub_.queries(), text, request.where, asker, rows_max));
    if (rows.size() > rows_max)
        co_return failure(Code::argument_invalid, "These paths have too many values to group by",
                          "by");
    std::map<std::string, FleetGroups::Group> all;
    for (const json::object& row : rows) {
        DriftOf some{.devices = number_in(row, "n")};
        if (text_in(row, "c") == "Connected") some.connected = some.devices;
        if (const auto state = twin::drift::state_of(text_in(row, "s")))
            some.states[index_of(*state)] = some.devices;
        auto key = group_key(row, request.by.size());
        if (!key) {
            answer.missing.add(some);
            continue;
        }
        FleetGroups::Group& group = all[key_text(*key)];
        group.drift.add(some);
        group.key = *std::move(key);
    }
    for (auto& [text_of_key, group] : all) answer.groups.push_back(std::move(group));
    using Sort = GroupsRequest::Sort;
    const auto rank = [&](const FleetGroups::Group& group) {
        return request.sort == Sort::attention ? group.drift.attention() : group.drift.devices;
    };
    // They are in the order of their keys, and stay so where they tie.
    if (request.sort != Sort::key)
        std::ranges::sort(answer.groups, [&](const auto& a, const auto& b) {
            return std::tuple(rank(b), b.drift.devices, key_text(a.key)) <
                   std::tuple(rank(a), a.drift.devices, key_text(b.key));
        });
    for (std::size_t i = request.limit; i < answer.groups.size(); ++i) {
        ++answer.rest_groups;
        answer.rest.add(answer.groups[i].drift);
    }
    if (answer.groups.size() > request.limit) answer.groups.resize(request.limit);
    if (!request.times) co_return answer;
    CO_TRY(const auto times, co_await group_times(hub_.queries(), std::move(paths),
                                                  std::move(request.where), asker, rows_max));
    for (FleetGroups::Group& group : answer.groups)
        if (const auto found = times.find(key_text(group.key)); found != times.end())
            group.p95_seconds = found->second.quantile(0.95);
    co_return answer;
}

Task<Result<FleetValues>> FleetViews::values(std::string path, std::string prefix,
                                             std::string where, std::size_t limit,
                                             FleetAsker asker) {
    CO_TRY(path, checked_path(std::move(path), "path"));
    std::string text = "SELECT " + path + " AS v, COUNT() AS n FROM devices ";
    if (!prefix.empty())
        text += "WHERE STARTS_WITH(" + path + ", " + to_text(json::value(prefix)) + ") ";
    text += "GROUP BY " + path;
    FleetValues answer{.at = hub_.clock().now()};
    CO_TRY(const auto rows,
           co_await ask_fleet(hub_.queries(), text, std::move(where), asker, rows_max));
    answer.exact = rows.size() <= rows_max;
    for (const json::object& row : rows)
        if (const json::value* value = row.if_contains("v"))
            answer.values.push_back({*value, number_in(row, "n")});
    answer.distinct = answer.values.size();
    std::ranges::sort(answer.values, [](const auto& a, const auto& b) {
        return a.devices != b.devices ? a.devices > b.devices : to_text(a.value) < to_text(b.value);
    });
    if (answer.values.size() > limit) answer.values.resize(limit);
    co_return answer;
}

Task<Result<std::vector<PathFacts>>> FleetViews::paths() {
    std::vector<std::vector<PathFacts>> each(hub_.shards().size());
    CO_TRY_VOID(co_await hub_.shards().on_all(
        [this, &each](Shard& shard, std::size_t index) -> Task<Result<>> {
            CO_TRY(each[index], co_await path_facts(shard, hub_.clock()));
            co_return Result<>{};
        }));
    std::map<std::string, PathFacts> all;
    for (const std::vector<PathFacts>& shard : each)
        for (const PathFacts& facts : shard) {
            PathFacts& sum = all[facts.path];
            sum.path = facts.path;
            sum.add(facts);
        }
    std::vector<PathFacts> found;
    for (auto& [path, facts] : all) found.push_back(std::move(facts));
    if (found.size() > fleet_paths_max) found.resize(fleet_paths_max);
    co_return found;
}

Task<Result<Convergence>> FleetViews::convergence(std::string where, std::string configuration,
                                                  std::chrono::seconds window, FleetAsker asker) {
    Convergence answer{.at = hub_.clock().now()};
    std::string of = "devices";
    std::string applied;
    if (!configuration.empty()) {
        CO_TRY(const ConfigurationPtr known, hub_.configurations().get(configuration));
        if (known->content.kind != ContentKind::device) of = "devices.modules";
        applied = status_path(known->id) + " = 'Applied' AND ";
    }
    const std::string within = fmt::format(
        "SELECT COUNT() AS n FROM {} WHERE {}IS_CONVERGED() AND $drift.since >= '{}' AND "
        "$drift.convergeSeconds ",
        of, applied, format_instant(answer.at - window));
    for (const double bound : converge_bounds) {
        CO_TRY(const auto rows,
               co_await ask_fleet(hub_.queries(), within + fmt::format("<= {}", bound), where,
                                  asker, rows_max));
        answer.buckets.push_back({bound, rows.empty() ? 0 : number_in(rows[0], "n")});
    }
    CO_TRY(const auto rows,
           co_await ask_fleet(hub_.queries(), within + ">= 0", where, asker, rows_max));
    answer.devices = rows.empty() ? 0 : number_in(rows[0], "n");
    co_return answer;
}

}  // namespace twinhub::hub

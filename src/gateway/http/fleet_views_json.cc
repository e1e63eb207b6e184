#include "gateway/http/fleet_views_json.h"

#include "base/json.h"

namespace twinhub::gateway::http {
namespace {

using twin::drift::State;

constexpr std::array<std::string_view, hub::type_count> type_names{
    "undefined", "null", "boolean", "number", "string", "array", "object"};

json::object drift_json(const hub::DriftOf& drift) {
    json::object states;
    for (const State state : twin::drift::states)
        if (const std::uint64_t count = drift.states[index_of(state)]; count != 0)
            states[name_of(state)] = count;
    return {
        {"devices", drift.devices}, {"connected", drift.connected}, {"states", std::move(states)}};
}

json::array buckets_json(const hub::Convergence& convergence) {
    json::array buckets;
    for (const auto& bucket : convergence.buckets) {
        const double share =
            convergence.devices == 0
                ? 0
                : static_cast<double>(bucket.devices) / static_cast<double>(convergence.devices);
        buckets.push_back(json::object{{"leSeconds", bucket.seconds}, {"share", share}});
    }
    return buckets;
}

json::value or_null(const std::optional<double>& number) {
    return number ? json::value(*number) : json::value();
}

}  // namespace

void append_groups(std::string& out, const hub::FleetGroups& groups) {
    json::array all;
    for (const auto& group : groups.groups) {
        json::object one{{"key", group.key}};
        for (auto& [name, value] : drift_json(group.drift)) one[name] = value;
        if (group.p95_seconds) one["p95Seconds"] = *group.p95_seconds;
        all.push_back(std::move(one));
    }
    json::object rest = drift_json(groups.rest);
    rest["groups"] = groups.rest_groups;
    append_json(out, json::value{{"asOf", format_instant(groups.at)},
                                 {"behindMs", 0},
                                 {"groups", std::move(all)},
                                 {"rest", std::move(rest)},
                                 {"missing", drift_json(groups.missing)}});
}

void append_values(std::string& out, const hub::FleetValues& values) {
    json::array all;
    for (const auto& one : values.values)
        all.push_back(json::object{{"value", one.value}, {"devices", one.devices}});
    append_json(out, json::value{{"asOf", format_instant(values.at)},
                                 {"behindMs", 0},
                                 {"values", std::move(all)},
                                 {"distinct", values.distinct},
                                 {"exact", values.exact}});
}

void append_path_facts(std::string& out, const std::vector<hub::PathFacts>& paths, Instant at) {
    json::array all;
    for (const hub::PathFacts& facts : paths) {
        json::object types;
        for (std::size_t i = 1; i < facts.types.size(); ++i)
            if (facts.types[i] != 0) types[type_names[i]] = facts.types[i];
        all.push_back(json::object{{"path", facts.path},
                                   {"types", std::move(types)},
                                   {"devices", facts.devices},
                                   {"distinct", facts.values.size()},
                                   {"exact", facts.exact},
                                   {"bytes", facts.bytes}});
    }
    append_json(
        out, json::value{{"asOf", format_instant(at)}, {"behindMs", 0}, {"paths", std::move(all)}});
}

void append_convergence(std::string& out, const hub::Convergence& convergence,
                        const hub::Convergence& baseline) {
    append_json(
        out, json::value{{"asOf", format_instant(convergence.at)},
                         {"behindMs", 0},
                         {"devices", convergence.devices},
                         {"p50", or_null(convergence.quantile(0.5))},
                         {"p95", or_null(convergence.quantile(0.95))},
                         {"p99", or_null(convergence.quantile(0.99))},
                         {"buckets", buckets_json(convergence)},
                         {"baseline", {{"window", "P7D"}, {"buckets", buckets_json(baseline)}}}});
}

}  // namespace twinhub::gateway::http

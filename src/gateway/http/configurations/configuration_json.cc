#include "gateway/http/configurations/configuration_json.h"

#include "base/json.h"
#include "base/time.h"

namespace twinhub::gateway::http {
namespace {

template <class Map>
json::object object_of(const Map& map) {
    json::object object;
    for (const auto& [name, value] : map) object[name] = value;
    return object;
}

json::object metrics_of(const json::object& queries,
                        const std::map<std::string, std::uint64_t>* results) {
    return {{"results", results != nullptr ? object_of(*results) : json::object{}},
            {"queries", queries}};
}

}  // namespace

void append_configuration(std::string& out, const hub::Configuration& configuration,
                          const hub::MetricResults* results) {
    json::object body{{"id", configuration.id}};
    body["schemaVersion"] = configuration.schema_version.empty()
                                ? json::value(nullptr)
                                : json::value(configuration.schema_version);
    body["labels"] = configuration.labels ? json::value(*configuration.labels) : json::value();
    body["content"] = configuration.content.source;
    body["targetCondition"] = configuration.target_condition;
    body["createdTimeUtc"] = format_instant(configuration.created);
    body["lastUpdatedTimeUtc"] = format_instant(configuration.updated);
    body["priority"] = configuration.priority;
    body["systemMetrics"] = metrics_of(object_of(system_metrics(configuration)),
                                       results != nullptr ? &results->system : nullptr);
    body["metrics"] = metrics_of(object_of(configuration.metrics),
                                 results != nullptr ? &results->custom : nullptr);
    body["etag"] = configuration.etag();
    append_json(out, json::value(std::move(body)));
}

void append_condition_test(std::string& out, const hub::ConditionTest& tested) {
    json::object body;
    body["targetConditionError"] = tested.target_condition.empty()
                                       ? json::value(nullptr)
                                       : json::value(tested.target_condition);
    body["customMetricQueryErrors"] = object_of(tested.metrics);
    append_json(out, json::value(std::move(body)));
}

void append_effect(std::string& out, const hub::ConfigurationEffect& effect) {
    json::object states;
    for (const twin::drift::State state : twin::drift::states)
        states[name_of(state)] = effect.states[twin::drift::index_of(state)];
    json::array overlaps;
    for (const auto& overlap : effect.overlaps)
        overlaps.push_back(json::object{{"path", overlap.path},
                                        {"with", overlap.with},
                                        {"wins", overlap.wins},
                                        {"devices", overlap.twins}});
    append_json(out, json::value{{"asOf", format_instant(effect.at)},
                                 {"behindMs", 0},
                                 {"shards", {{"answered", effect.shards}, {"of", effect.shards}}},
                                 {"targeted", effect.targeted},
                                 {"applied", effect.applied},
                                 {"states", std::move(states)},
                                 {"overlaps", std::move(overlaps)}});
}

}  // namespace twinhub::gateway::http

#include "gateway/http/drift_json.h"

#include "hub/changes/author_json.h"

namespace twinhub::gateway::http {
namespace {

using twin::drift::State;

json::object connection_json(const hub::Presence& presence) {
    json::object connection{{"state", presence.connected ? "Connected" : "Disconnected"}};
    if (presence.connection_state_updated > never)
        connection["since"] = format_instant(presence.connection_state_updated);
    if (presence.last_activity > never)
        connection["lastActivityTime"] = format_instant(presence.last_activity);
    return connection;
}

template <class Counts>
json::object states_of(const Counts& counts) {
    json::object states;
    for (const State state : twin::drift::states)
        states[name_of(state)] = static_cast<std::int64_t>(counts[index_of(state)]);
    return states;
}

json::value shown(const twin::Node* node) {
    return node == nullptr ? json::value() : node->to_json();
}

json::array wanted_by_json(const std::vector<hub::WantedBy>& all) {
    json::array shown;
    for (const hub::WantedBy& each : all)
        shown.push_back(json::object{{"configuration", each.configuration},
                                     {"version", each.version},
                                     {"priority", each.priority},
                                     {"value", each.value},
                                     {"wins", each.wins}});
    return shown;
}

json::object property_of(const hub::TwinDrift& drift, const twin::drift::Property& property,
                         const DriftExtras& extras) {
    const twin::drift::Verdict& verdict = property.verdict;
    json::object one{{"path", property.path}, {"state", name_of(property.state)}};
    if (verdict.reason != twin::drift::Reason::none) one["reason"] = name_of(verdict.reason);
    one["since"] = format_instant(property.since);
    if (property.desired != nullptr) one["desired"] = shown(property.desired);
    if (property.reported != nullptr) one["reported"] = shown(property.reported);
    if (verdict.code) one["code"] = *verdict.code;
    if (!verdict.words.empty()) one["words"] = verdict.words;
    if (property.desired == nullptr) return one;
    json::object ledger{
        {"wanted",
         {{"at", format_instant(verdict.desired_at)}, {"version", verdict.desired_version}}}};
    if (verdict.acknowledged_version) ledger["acknowledgedVersion"] = *verdict.acknowledged_version;
    if (property.state == State::pending && property.stale_at != Instant{})
        ledger["staleAt"] = format_instant(property.stale_at);
    one["ledger"] = std::move(ledger);
    if (const auto before = extras.earlier.find(property.path); before != extras.earlier.end())
        one["before"] = {{"value", before->second.value},
                         {"convergedForSeconds",
                          std::chrono::duration<double>(before->second.converged_for).count()}};
    if (const auto wish = drift.wishes.find(verdict.desired_version); wish != drift.wishes.end())
        one["by"] = author_json(wish->second.author, drift.view.identity->id);
    if (const auto wanted = drift.wanted.find(property.path); wanted != drift.wanted.end())
        one["wantedBy"] = wanted_by_json(wanted->second);
    return one;
}

}  // namespace

void append_drift(std::string& out, const hub::TwinDrift& drift, const DriftExtras& extras) {
    const auto& made = drift.assessment;
    json::object body{{"state", name_of(made.state)},
                      {"since", format_instant(drift.since)},
                      {"fresh", made.fresh},
                      {"asOf", format_instant(drift.at)},
                      {"desiredVersion", drift.view.twin.versions.desired},
                      {"reportedVersion", drift.view.twin.versions.reported},
                      {"counts", states_of(made.counts)}};
    const hub::Presence& presence = drift.view.presence;
    if (drift.view.identity != nullptr || presence.connected ||
        presence.connection_state_updated > never)
        body["connection"] = connection_json(presence);
    if (drift.converge_time)
        body["convergeSeconds"] = std::chrono::duration<double>(*drift.converge_time).count();
    json::array properties;
    for (const auto& property : made.properties)
        properties.push_back(property_of(drift, property, extras));
    body["properties"] = std::move(properties);
    json::array surplus;
    for (const auto& one : made.surplus) {
        using Kind = twin::drift::Surplus::Kind;
        const char* kind = one.kind == Kind::extra    ? "extra"
                           : one.kind == Kind::orphan ? "orphan"
                                                      : "own";
        surplus.push_back(json::object{{"path", one.path}, {"kind", kind}});
    }
    body["notDesired"] = std::move(surplus);
    if (extras.like_this)
        body["likeThis"] = {{"devices", extras.like_this->devices},
                            {"where", extras.like_this->where}};
    append_json(out, json::value(std::move(body)));
}

void append_summary(std::string& out, const hub::FleetDrift& fleet) {
    std::int64_t devices = 0;
    for (const std::int64_t count : fleet.counts.devices) devices += count;
    append_json(out, json::value{{"asOf", format_instant(fleet.at)},
                                 {"behindMs", 0},
                                 {"shards", {{"answered", fleet.shards}, {"of", fleet.shards}}},
                                 {"devices", devices},
                                 {"connected", fleet.connected},
                                 {"states", states_of(fleet.counts.devices)},
                                 {"modules", states_of(fleet.counts.modules)},
                                 {"properties", states_of(fleet.counts.properties)}});
}

void append_paths(std::string& out, const std::vector<hub::PathDrift>& paths, Instant at) {
    json::array all;
    for (const hub::PathDrift& path : paths) {
        json::object states;
        for (const State state : twin::drift::states)
            if (const auto count = path.counts[index_of(state)]; count != 0)
                states[name_of(state)] = count;
        json::object one{{"path", path.path}, {"states", std::move(states)}};
        if (path.oldest) one["oldest"] = *path.oldest;
        json::array reasons;
        for (const auto& reason : path.reasons) {
            json::object said{{"reason", reason.reason}, {"devices", reason.devices}};
            if (reason.code) said["code"] = *reason.code;
            if (!reason.words.empty()) said["words"] = reason.words;
            reasons.push_back(std::move(said));
        }
        one["reasons"] = std::move(reasons);
        all.push_back(std::move(one));
    }
    append_json(out, json::value{{"asOf", format_instant(at)}, {"paths", std::move(all)}});
}

void append_why(std::string& out, const hub::Why& why) {
    json::array skipped;
    for (const auto& one : why.skipped)
        skipped.push_back(json::object{{"path", one.path}, {"why", one.why}});
    json::array factors;
    for (const hub::Factor& one : why.factors)
        factors.push_back(json::object{{"path", one.path},
                                       {"value", one.value},
                                       {"inSet", one.in_set},
                                       {"inBaseline", one.in_baseline},
                                       {"devices", one.devices},
                                       {"lift", one.lift},
                                       {"score", one.score},
                                       {"condition", one.condition}});
    append_json(out, json::value{{"asOf", format_instant(why.at)},
                                 {"set", why.set},
                                 {"baseline", why.baseline},
                                 {"considered", why.considered},
                                 {"skipped", std::move(skipped)},
                                 {"factors", std::move(factors)}});
}

}  // namespace twinhub::gateway::http

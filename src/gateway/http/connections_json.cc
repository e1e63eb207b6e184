#include "gateway/http/connections_json.h"

#include "base/json.h"

namespace twinhub::gateway::http {
namespace {

json::value text_or_null(std::string_view text) {
    return text.empty() ? json::value() : json::value(text);
}

std::string_view tls_name(std::uint8_t version) {
    return version == 13 ? "1.3" : version == 12 ? "1.2" : "";
}

json::object session_of(const hub::Session& session) {
    json::object one{{"start", format_instant(session.start)}, {"end", nullptr}};
    if (!session.is_open()) one["end"] = format_instant(session.end);
    one["protocol"] = text_or_null(name_of(session.protocol));
    one["tls"] = text_or_null(tls_name(session.tls));
    one["address"] = text_or_null(session.address);
    one["endReason"] = text_or_null(name_of(session.why));
    json::object sequence{{"connected", hub::sequence_text(session.connected)}};
    if (session.disconnected != 0)
        sequence["disconnected"] = hub::sequence_text(session.disconnected);
    one["sequence"] = std::move(sequence);
    return one;
}

// Those that there were.
json::object reasons_of(const std::array<std::uint64_t, hub::session_end_count>& ends) {
    json::object reasons;
    for (std::size_t i = 1; i < ends.size(); ++i)
        if (ends[i] != 0) reasons[name_of(static_cast<hub::SessionEnd>(i))] = ends[i];
    return reasons;
}

}  // namespace

void append_sessions(std::string& out, const TwinId& id, const hub::SessionsOf& sessions) {
    const hub::Presence& presence = sessions.presence;
    json::object body{{"deviceId", id.device.text()}};
    if (id.is_module()) body["moduleId"] = id.module.text();
    body["asOf"] = format_instant(sessions.as_of);
    body["connected"] = presence.connected;
    if (presence.connected) body["connectedSince"] = format_instant(presence.session.start);
    if (presence.last_activity > never) body["lastSeen"] = format_instant(presence.last_activity);
    json::array strip;
    for (const hub::Stretch& one : sessions.strip)
        strip.push_back(json::object{{"from", format_instant(one.from)},
                                     {"to", format_instant(one.to)},
                                     {"connected", one.connected}});
    body["strip"] = std::move(strip);
    body["share24h"] = sessions.share ? json::value(*sessions.share) : json::value();
    json::array all;
    for (const hub::Session& session : sessions.sessions) all.push_back(session_of(session));
    body["sessions"] = std::move(all);
    append_json(out, json::value(std::move(body)));
}

void append_connections(std::string& out, const hub::ConnectionSummary& summary,
                        std::size_t shards) {
    std::uint64_t connects = 0;
    std::array<std::uint64_t, hub::session_end_count> ends{};
    json::array minutes;
    for (const hub::ConnectionMinute& minute : summary.minutes) {
        std::array<std::uint64_t, hub::session_end_count> its{};
        std::uint64_t disconnects = 0;
        for (std::size_t i = 1; i < its.size(); ++i) {
            its[i] = minute.ends[i];
            ends[i] += minute.ends[i];
            disconnects += minute.ends[i];
        }
        connects += minute.connects;
        minutes.push_back(
            json::object{{"at", format_instant(Instant{std::chrono::minutes{minute.minute}})},
                         {"connects", minute.connects},
                         {"disconnects", disconnects},
                         {"reasons", reasons_of(its)}});
    }
    std::uint64_t disconnects = 0;
    for (const std::uint64_t count : ends) disconnects += count;
    json::array reconnecting;
    for (const hub::Reconnecting& one : summary.reconnecting) {
        json::object device{{"deviceId", one.id.device.text()}};
        if (one.id.is_module()) device["moduleId"] = one.id.module.text();
        device["connects"] = one.connects;
        if (one.last != hub::SessionEnd::open) device["lastEnd"] = name_of(one.last);
        reconnecting.push_back(std::move(device));
    }
    json::object body{{"asOf", format_instant(summary.as_of)},
                      {"from", format_instant(summary.from)},
                      {"behindMs", 0},
                      {"shards", {{"answered", shards}, {"of", shards}}},
                      {"connected", summary.connected},
                      {"connects", connects},
                      {"disconnects", disconnects},
                      {"reasons", reasons_of(ends)},
                      {"minutes", std::move(minutes)},
                      {"reconnecting", std::move(reconnecting)},
                      {"missedAtMost", summary.missed}};
    append_json(out, json::value(std::move(body)));
}

}  // namespace twinhub::gateway::http

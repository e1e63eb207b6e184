// How the fleet stood over time (docs/drift.md).
#include "hub/series/fleet_series.h"

#include "base/json.h"
#include "gateway/http/handlers.h"
#include "hub/series/causes.h"
#include "query/time_text.h"
#include "twin/drift/state.h"

namespace twinhub::gateway::http {
namespace {

using twin::drift::State;

// Which numbers of each point are wanted.
struct Wanted {
    bool states = false;
    bool connected = false;
    bool reconnects = false;
};

Result<Wanted> wanted_of(const Call& call) {
    const std::string list = call.request.parameter("of").value_or("states,connected,reconnects");
    Wanted wanted;
    for (std::size_t from = 0; from <= list.size();) {
        const std::size_t end = std::min(list.find(',', from), list.size());
        const std::string_view one = std::string_view(list).substr(from, end - from);
        if (one == "states") wanted.states = true;
        else if (one == "connected") wanted.connected = true;
        else if (one == "reconnects") wanted.reconnects = true;
        else
            return failure(Code::argument_invalid, "A series is of states, connected, reconnects",
                           "of");
        from = end + 1;
    }
    return wanted;
}

// With or without the sign of what lies back, in whole minutes.
Result<std::optional<std::chrono::minutes>> minutes_of(const Call& call, std::string_view name) {
    const auto text = call.request.parameter(name);
    if (!text) return std::optional<std::chrono::minutes>{};
    const auto length = query::parse_time_ago(text->starts_with('-') ? *text : '-' + *text);
    const auto minutes =
        length ? std::chrono::floor<std::chrono::minutes>(*length) : std::chrono::minutes{0};
    if (minutes < std::chrono::minutes{1} || minutes != *length || minutes > hub::series_hours_kept)
        return failure(Code::argument_invalid,
                       "A " + std::string(name) + " is whole minutes, as PT5M, P400D at most",
                       std::string(name));
    return std::optional(minutes);
}

json::object series_json(const hub::SeriesLine& line, const Wanted& wanted) {
    json::object series;
    const auto put = [&](std::string_view name, auto number) {
        json::array points;
        points.reserve(line.size());
        for (const auto& point : line)
            points.push_back(point ? json::value(number(*point)) : json::value());
        series[name] = std::move(points);
    };
    if (wanted.states)
        for (const State state : twin::drift::states)
            put(name_of(state), [state](const hub::SeriesCounts& counts) {
                return counts.states[index_of(state)];
            });
    if (wanted.connected)
        put("connected", [](const hub::SeriesCounts& counts) { return counts.connected; });
    if (wanted.reconnects)
        put("reconnects", [](const hub::SeriesCounts& counts) { return counts.connects; });
    return series;
}

json::array causes_json(const hub::SeriesCauses& found) {
    json::array causes;
    for (const hub::SeriesCause& cause : found.causes) {
        json::object one{{"at", format_instant(cause.at)},
                         {"kind", cause.kind},
                         {"id", cause.id},
                         {"by", cause.by}};
        if (cause.devices) one["devices"] = *cause.devices;
        causes.push_back(std::move(one));
    }
    return causes;
}

}  // namespace

Task<Result<>> fleet_series(Call& call) {
    CO_TRY(const Wanted wanted, wanted_of(call));
    hub::SeriesRequest request;
    CO_TRY(const auto window, minutes_of(call, "window"));
    if (window) request.window = *window;
    CO_TRY(request.step, minutes_of(call, "step"));
    request.by = call.request.parameter("by").value_or("");
    request.where = call.request.parameter("where").value_or("");
    CO_TRY(const hub::FleetSeriesAnswer answer,
           co_await call.hub.series().read(std::move(request)));
    CO_TRY(const hub::SeriesCauses causes,
           co_await hub::series_causes(call.hub, answer.from, answer.at));
    const auto behind = std::chrono::floor<std::chrono::milliseconds>(answer.at - answer.until);
    json::object body{{"asOf", format_instant(answer.at)},
                      {"behindMs", behind.count()},
                      {"from", format_instant(answer.from)},
                      {"stepSeconds", std::chrono::seconds(answer.step).count()},
                      {"series", series_json(answer.line, wanted)}};
    if (!answer.by.empty()) {
        json::array groups;
        for (const auto& group : answer.groups) {
            CO_TRY(json::value key, parse_json(group.key));
            groups.push_back(json::object{{"key", json::array{std::move(key)}},
                                          {"series", series_json(group.line, wanted)}});
        }
        body["groups"] = std::move(groups);
        body["rest"] = {{"series", series_json(answer.rest, wanted)}};
        body["missing"] = {{"series", series_json(answer.missing, wanted)}};
    }
    body["causes"] = causes_json(causes);
    body["causesComplete"] = causes.complete;
    append_json(call.reply.body, json::value(std::move(body)));
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

}  // namespace twinhub::gateway::http

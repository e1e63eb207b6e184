#include "apps/cli/drift_text.h"
#include "apps/cli/entity.h"
#include "apps/cli/series_text.h"
#include "base/encoding.h"
#include "base/json_members.h"
#include "twin/drift/state.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::apps::cli {
namespace {

using twin::drift::State;

Outcome summary(Context& context) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->call(
        {.path = with_parameters("/fleet/summary", {{"where", context.arguments().text("where")}}),
         .body = {}});
    if (!answer) return outcome_of(answer.error());
    if (context.arguments().has("output")) {
        std::vector<Column> columns{{"Devices", "devices"}, {"Connected", "connected"}};
        for (const State state : twin::drift::states) {
            std::string title(name_of(state));
            title[0] = static_cast<char>(title[0] - 'a' + 'A');
            columns.push_back({title, fmt::format("states.{}", name_of(state))});
        }
        return Outcome::of(std::move(*answer), std::move(columns));
    }
    const json::object& fleet = answer->as_object();
    std::string text = fmt::format("{} devices, {} connected\n", to_text(fleet.at("devices")),
                                   to_text(fleet.at("connected")));
    for (const State state : twin::drift::states)
        text += fmt::format("{:>12}  {}\n", name_of(state),
                            to_text(fleet.at("states").at(name_of(state))));
    return Outcome::print(std::move(text));
}

Outcome list(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_or_all(arguments);
    if (!top) return outcome_of(top.error());
    const std::string state = ascii_lower(arguments.text("state"));
    std::string where = state.empty() ? "$drift.state IN ['rejected', 'drifted', 'stale']"
                                      : fmt::format("$drift.state = '{}'", state);
    if (const std::string path = arguments.text("path"); !path.empty())
        where += fmt::format(" AND $drift.path = {}", to_text(json::value(path)));
    if (const std::string more = arguments.text("where"); !more.empty())
        where += fmt::format(" AND ({})", more);
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto rows = (*hub)->query(FleetQuery{
        .text = "SELECT deviceId, $drift.state, $drift.since, $drift.reason, $drift.path, "
                "$drift.code, $drift.words, connectionState FROM devices WHERE " +
                where,
        .top = *top,
        .dialect = "extended"});
    if (!rows) return outcome_of(rows.error());
    return Outcome::of(std::move(*rows), {{"DeviceId", "deviceId"},
                                          {"State", "state"},
                                          {"Since", "since"},
                                          {"Path", "path"},
                                          {"Reason", "reason"},
                                          {"Code", "code"},
                                          {"Words", "words"},
                                          {"Connection", "connectionState"}});
}

Outcome explain(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->call({.path = path_of("twins", arguments) + "/drift", .body = {}});
    if (!answer) return outcome_of(answer.error());
    if (arguments.has("output")) return Outcome::of(std::move(*answer));
    std::string name = arguments.text("device-id");
    if (arguments.has("module-id")) name += "/" + arguments.text("module-id");
    return Outcome::print(explained_drift(name, answer->as_object()));
}

Outcome why(Context& context) {
    const Arguments& arguments = context.arguments();
    json::object body;
    for (const char* name : {"where", "baseline"})
        if (arguments.has(name)) body[name] = arguments.text(name);
    const auto top = top_of(arguments);
    if (!top) return outcome_of(top.error());
    if (*top != 0) body["limit"] = *top;
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->call({.method = "POST", .path = "/drift/why", .body = std::move(body)});
    if (!answer) return outcome_of(answer.error());
    if (arguments.has("output")) return Outcome::of(std::move(*answer));
    return Outcome::print(explained_reasons(answer->as_object()));
}

Outcome paths(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer =
        (*hub)->call({.path = with_parameters("/drift/paths", {{"where", arguments.text("where")}}),
                      .body = {}});
    if (!answer) return outcome_of(answer.error());
    return Outcome::of(answer->at("paths"), {{"Path", "path"},
                                             {"Rejected", "states.rejected"},
                                             {"Drifted", "states.drifted"},
                                             {"Stale", "states.stale"},
                                             {"Offline", "states.offline"},
                                             {"Pending", "states.pending"},
                                             {"Oldest", "oldest"}});
}

Outcome series(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    std::vector<std::pair<std::string, std::string>> parameters;
    for (const char* name : {"window", "step", "where"})
        if (arguments.has(name)) parameters.emplace_back(name, arguments.text(name));
    auto answer = (*hub)->call({.path = with_parameters("/fleet/series", parameters), .body = {}});
    if (!answer) return outcome_of(answer.error());
    if (arguments.has("output")) return Outcome::of(std::move(*answer));
    return Outcome::print(drawn_series(answer->as_object()));
}

}  // namespace

std::vector<Command> drift_commands() {
    Option module = module_option();
    module.required = false;
    std::vector<Command> commands;
    commands.push_back({.words = "drift summary",
                        .about = "How many devices have converged, wait, are silent, refused",
                        .options = {where_option()},
                        .run = summary});
    commands.push_back(
        {.words = "drift list",
         .about = "Devices that have not converged; without --state those that need attention",
         .options = {{.name = "state",
                      .about = "In which state",
                      .choices = "untracked|converged|pending|offline|stale|drifted|rejected"},
                     {.name = "path", .about = "With this desired property as the worst"},
                     where_option(),
                     top_option("")},
         .run = list});
    commands.push_back(
        {.words = "drift explain",
         .about = "What differs on one device, since when, why, and who asked for it",
         .options = {device_option(), module},
         .run = explain});
    commands.push_back({.words = "drift why",
                        .about = "Which tag or reported value sets drifted devices apart",
                        .options = {where_option(),
                                    {.name = "baseline",
                                     .about = "Whom they are compared with",
                                     .fallback = "converged",
                                     .choices = "converged|connected|all"},
                                    top_option("20")},
                        .run = why});
    commands.push_back({.words = "drift paths",
                        .about = "Desired properties that devices have not met, the worst first",
                        .options = {where_option()},
                        .run = paths});
    commands.push_back(
        {.words = "drift series",
         .about = "How the fleet stood over time, and what began meanwhile",
         .options = {{.name = "window", .about = "How long to look back", .fallback = "PT6H"},
                     {.name = "step", .about = "How far apart points are, as PT5M"},
                     where_option()},
         .run = series});
    return commands;
}

}  // namespace twinhub::apps::cli

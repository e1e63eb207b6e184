#include "apps/cli/entity.h"
#include "base/encoding.h"
#include "base/json_members.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::apps::cli {
namespace {

constexpr std::size_t bar_max = 40;

std::uint64_t number_of(const json::object& row, std::string_view name) {
    const json::value* value = row.if_contains(name);
    return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

std::string reasons_text(const json::object& reasons) {
    std::vector<std::pair<std::uint64_t, std::string>> all;
    for (const auto& [name, count] : reasons)
        all.emplace_back(count.to_number<std::uint64_t>(), name);
    std::ranges::sort(all, std::ranges::greater{});
    std::string text;
    for (const auto& [count, name] : all)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
    return text;
}

// A line for each minute in which something happened, with a bar for who came.
std::string summary_text(const json::object& answer) {
    std::string text = fmt::format("{} connected; since {}: {} connects, {} disconnects\n",
                                   number_of(answer, "connected"), text_in(answer, "from"),
                                   number_of(answer, "connects"), number_of(answer, "disconnects"));
    if (const auto& reasons = answer.at("reasons").as_object(); !reasons.empty())
        text += "ended: " + reasons_text(reasons) + '\n';
    std::uint64_t most = 1;
    for (const json::value& minute : answer.at("minutes").as_array())
        most = std::max(most, number_of(minute.as_object(), "connects"));
    for (const json::value& value : answer.at("minutes").as_array()) {
        const json::object& minute = value.as_object();
        const std::uint64_t connects = number_of(minute, "connects");
        const std::string at = text_in(minute, "at");
        text += fmt::format("{}  +{:<7} -{:<7} {}\n", at.substr(0, 16), connects,
                            number_of(minute, "disconnects"),
                            std::string(connects * bar_max / most, '#'));
    }
    const json::array& reconnecting = answer.at("reconnecting").as_array();
    if (!reconnecting.empty()) text += "come back most:\n";
    for (const json::value& value : reconnecting) {
        const json::object& one = value.as_object();
        std::string name = text_in(one, "deviceId");
        if (one.contains("moduleId")) name += '/' + text_in(one, "moduleId");
        text += fmt::format("{:>8}  {}  {}\n", number_of(one, "connects"), name,
                            text_in(one, "lastEnd"));
    }
    return text;
}

Outcome summary(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_of(arguments);
    if (!top) return outcome_of(top.error());
    std::string path = "/fleet/connections?window=" + percent_encode(arguments.text("window"));
    if (*top != 0) path += "&limit=" + std::to_string(*top);
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->call({.path = std::move(path), .body = {}});
    if (!answer) return outcome_of(answer.error());
    if (arguments.has("output"))
        return Outcome::of(std::move(*answer), {{"Connected", "connected"},
                                                {"Connects", "connects"},
                                                {"Disconnects", "disconnects"},
                                                {"From", "from"}});
    return Outcome::print(summary_text(answer->as_object()));
}

Outcome list(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_of(arguments);
    if (!top) return outcome_of(top.error());
    std::string path = path_of("twins", arguments) + "/sessions";
    if (*top != 0) path += "?limit=" + std::to_string(*top);
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->call({.path = std::move(path), .body = {}});
    if (!answer) return outcome_of(answer.error());
    return Outcome::of(answer->at("sessions"), {{"Start", "start"},
                                                {"End", "end"},
                                                {"EndReason", "endReason"},
                                                {"Protocol", "protocol"},
                                                {"Tls", "tls"},
                                                {"Address", "address"}});
}

}  // namespace

std::vector<Command> connection_commands() {
    Option module = module_option();
    module.required = false;
    std::vector<Command> commands;
    commands.push_back(
        {.words = "connections summary",
         .about = "Who comes and goes, minute by minute, why, and who comes back most",
         .options = {{.name = "window",
                      .about = "How long to look back, at most a day: PT1H",
                      .fallback = "PT1H"},
                     top_option("20")},
         .run = summary});
    commands.push_back(
        {.words = "connections list",
         .about = "The connections of a device, the newest first, and how they ended",
         .options = {device_option(), module, top_option("20")},
         .run = list});
    return commands;
}

}  // namespace twinhub::apps::cli

#include "hub/rollouts/document.h"

#include "base/json_members.h"
#include "hub/rollouts/duration.h"
#include "hub/rollouts/members.h"
#include "hub/rollouts/touch.h"
#include "query/narrow.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace twinhub::hub {
namespace {

constexpr std::size_t condition_bytes_max = 16 * 1024;
constexpr double rate_max = 1'000'000;

std::unexpected<Error> refused(std::string message, std::string where) {
    return failure(Code::argument_invalid, std::move(message), std::move(where));
}

std::string below(std::string_view where, std::string_view name) {
    return where.empty() ? std::string(name) : fmt::format("{}.{}", where, name);
}

Result<std::optional<double>> number_member(const json::object& body, std::string_view name,
                                            std::string_view where, double least, double most) {
    const json::value* const value = body.if_contains(name);
    if (value == nullptr || value->is_null()) return std::optional<double>{};
    const double number = value->is_number() ? value->to_number<double>() : std::nan("");
    if (!(number >= least && number <= most))
        return refused(fmt::format("It must be a number from {} to {}", least, most),
                       below(where, name));
    return std::optional(number);
}

Result<std::optional<std::chrono::seconds>> duration_member(const json::object& body,
                                                            std::string_view name,
                                                            std::string_view where) {
    TRY(const auto text, text_member(body, name));
    if (!text) return std::optional<std::chrono::seconds>{};
    TRY(const auto duration, parse_duration(*text, below(where, name)));
    return std::optional(duration);
}

Result<Gates> parse_gates(const json::object& body, const std::string& where) {
    TRY_VOID(check_members(
        body,
        {"convergedAtLeast", "rejectedAtMost", "offlineAllowance", "soak", "settled", "timeout"},
        where));
    Gates gates;
    TRY(gates.converged_at_least, number_member(body, "convergedAtLeast", where, 0, 1));
    TRY(gates.rejected_at_most, number_member(body, "rejectedAtMost", where, 0, 1));
    TRY(const auto allowance, number_member(body, "offlineAllowance", where, 0, 1));
    gates.offline_allowance = allowance.value_or(0);
    TRY(const auto soak, duration_member(body, "soak", where));
    gates.soak = soak.value_or(std::chrono::seconds{});
    TRY(const auto settled, flag_member(body, "settled"));
    gates.settled = settled.value_or(false);
    TRY(gates.timeout, duration_member(body, "timeout", where));
    if (gates.timeout && *gates.timeout <= gates.soak)
        return refused("A wave could never pass: the timeout must be longer than the soak",
                       below(where, "timeout"));
    if (gates.timeout && !gates.ask_for_something())
        return refused("A timeout waits for convergedAtLeast or rejectedAtMost",
                       below(where, "timeout"));
    return gates;
}

Result<Wave> parse_wave(const json::value& value, const std::string& where) {
    if (!value.is_object())
        return refused("A wave is an object: toPercent, count, where or rest", where);
    const json::object& body = value.get_object();
    TRY_VOID(check_members(body, {"toPercent", "count", "where", "rest", "gates"}, where));
    Wave wave;
    int kinds = 0;
    TRY(const auto percent, number_member(body, "toPercent", where, 0, 100));
    if (percent) {
        ++kinds;
        wave.kind = Wave::Kind::to_percent;
        wave.percent = *percent;
        if (*percent <= 0) return refused("The wave would be empty", where + ".toPercent");
    }
    TRY(const auto count, number_member(body, "count", where, 1, 1e9));
    if (count) {
        ++kinds;
        wave.kind = Wave::Kind::count;
        wave.count = static_cast<std::uint64_t>(*count);
        if (static_cast<double>(wave.count) != *count)
            return refused("A number of devices is whole", where + ".count");
    }
    TRY(auto condition, text_member(body, "where"));
    if (condition) {
        ++kinds;
        wave.kind = Wave::Kind::where;
        wave.where = std::move(*condition);
    }
    TRY(const auto rest, flag_member(body, "rest"));
    if (rest.value_or(false)) {
        ++kinds;
        wave.kind = Wave::Kind::rest;
    }
    if (kinds != 1)
        return refused(kinds == 0 ? "The wave is empty: it needs toPercent, count, where or rest"
                                  : "A wave has one of toPercent, count, where and rest",
                       where);
    TRY(const json::object* gates, object_member(body, "gates"));
    if (gates != nullptr) {
        TRY(wave.gates, parse_gates(*gates, where + ".gates"));
    }
    return wave;
}

Result<std::vector<Wave>> parse_waves(const json::object& body) {
    TRY(const json::array* list, array_member(body, "waves"));
    if (list == nullptr || list->empty())
        return refused("A rollout has at least one wave: {\"rest\":true}", "waves");
    if (list->size() > rollout_waves_max)
        return refused(fmt::format("At most {} waves", rollout_waves_max), "waves");
    std::vector<Wave> waves;
    double percent = 0;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const std::string where = fmt::format("waves[{}]", i);
        TRY(Wave wave, parse_wave((*list)[i], where));
        const bool all_are_taken =
            !waves.empty() && (waves.back().kind == Wave::Kind::rest || percent >= 100);
        if (all_are_taken)
            return refused("The wave would be empty: the one before takes all the rest", where);
        if (wave.kind == Wave::Kind::to_percent) {
            if (wave.percent <= percent)
                return refused("Percentages rise: each counts the waves before it", where);
            percent = wave.percent;
        }
        waves.push_back(std::move(wave));
    }
    return waves;
}

Result<> parse_what(const json::object& body, RolloutDocument& document) {
    TRY(const json::object* patch, object_member(body, "patch"));
    TRY(const json::object* content, object_member(body, "content"));
    if ((patch == nullptr) == (content == nullptr))
        return refused("A rollout changes by a patch or by a content", "patch");
    if (patch != nullptr) document.patch = *patch;
    else document.content = *content;
    const auto touch = Touch::of(document.patch, document.content);
    if (!touch) return std::unexpected(touch.error());
    return {};
}

Result<query::Plan> condition_plan(std::string_view text, const query::Options& options,
                                   const std::string& where) {
    if (text.size() > condition_bytes_max) return refused("The condition is too long", where);
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return refused("The condition is empty: it would select nobody", where);
    auto plan = query::compile_condition(text, query::Place::job, options);
    if (!plan)
        return refused(
            fmt::format("{} (character {})", plan.error().message, plan.error().offset + 1), where);
    return std::move(*plan);
}

}  // namespace

const Gates& RolloutDocument::gates_of(std::size_t wave) const {
    return wave < waves.size() && waves[wave].gates ? *waves[wave].gates : gates;
}

std::string_view name_of(OnFail on_fail) {
    switch (on_fail) {
        case OnFail::pause: return "pause";
        case OnFail::halt: return "halt";
        case OnFail::rollback: return "rollback";
    }
    return "";
}

Result<> check_rollout_name(std::string_view name) {
    const bool good = !name.empty() && name.size() <= rollout_name_bytes_max && name != "plan" &&
                      std::ranges::all_of(name, [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                      });
    if (good) return {};
    return refused(fmt::format("A rollout has a name of 1 to {} letters, digits, '-', '_' and '.'; "
                               "'plan' is taken",
                               rollout_name_bytes_max),
                   "name");
}

Result<RolloutDocument> parse_rollout(const json::object& body) {
    TRY_VOID(check_members(body,
                           {"name", "target", "confirmAll", "patch", "content", "waves", "gates",
                            "window", "rollback", "onFail", "devicesPerSecond"},
                           ""));
    RolloutDocument document;
    TRY(auto name, text_member(body, "name"));
    document.name = name.value_or("");
    TRY_VOID(check_rollout_name(document.name));
    TRY(auto target, text_member(body, "target"));
    if (!target) return refused("The target is missing: the condition of a query", "target");
    document.target = std::move(*target);
    TRY(const auto all, flag_member(body, "confirmAll"));
    document.confirm_all = all.value_or(false);
    TRY_VOID(parse_what(body, document));
    TRY(document.waves, parse_waves(body));
    TRY(const json::object* gates, object_member(body, "gates"));
    if (gates != nullptr) {
        TRY(document.gates, parse_gates(*gates, "gates"));
    }
    TRY(const json::object* window, object_member(body, "window"));
    if (window != nullptr) {
        TRY(document.window, parse_window(*window));
    }
    TRY(const auto rollback, text_member(body, "rollback"));
    if (rollback && *rollback != "ownValues")
        return refused("Devices go back to their own earlier values: ownValues", "rollback");
    TRY(const auto on_fail, text_member(body, "onFail"));
    if (on_fail) {
        bool found = false;
        for (const OnFail one : {OnFail::pause, OnFail::halt, OnFail::rollback})
            if (*on_fail == name_of(one)) {
                document.on_fail = one;
                found = true;
            }
        if (!found) return refused("It must be pause, halt or rollback", "onFail");
    }
    TRY(document.devices_per_second, number_member(body, "devicesPerSecond", "", 0.01, rate_max));
    return document;
}

json::object to_json(const Gates& gates) {
    json::object body;
    if (gates.converged_at_least) body["convergedAtLeast"] = *gates.converged_at_least;
    if (gates.rejected_at_most) body["rejectedAtMost"] = *gates.rejected_at_most;
    if (gates.offline_allowance > 0) body["offlineAllowance"] = gates.offline_allowance;
    if (gates.settled) body["settled"] = true;
    if (gates.soak.count() > 0) body["soak"] = duration_text(gates.soak);
    if (gates.timeout) body["timeout"] = duration_text(*gates.timeout);
    return body;
}

json::object to_json(const Wave& wave) {
    json::object body;
    switch (wave.kind) {
        case Wave::Kind::to_percent: body["toPercent"] = wave.percent; break;
        case Wave::Kind::count: body["count"] = wave.count; break;
        case Wave::Kind::where: body["where"] = wave.where; break;
        case Wave::Kind::rest: body["rest"] = true; break;
    }
    if (wave.gates) body["gates"] = to_json(*wave.gates);
    return body;
}

json::object to_json(const RolloutDocument& document) {
    json::object body;
    body["name"] = document.name;
    body["target"] = document.target;
    if (document.confirm_all) body["confirmAll"] = true;
    if (document.patch) body["patch"] = *document.patch;
    if (document.content) body["content"] = *document.content;
    json::array& waves = body["waves"].emplace_array();
    for (const Wave& wave : document.waves) waves.push_back(to_json(wave));
    body["gates"] = to_json(document.gates);
    body["window"] = document.window ? json::value(to_json(*document.window)) : json::value();
    body["rollback"] = "ownValues";
    body["onFail"] = name_of(document.on_fail);
    if (document.devices_per_second) body["devicesPerSecond"] = *document.devices_per_second;
    return body;
}

Result<query::Plan> target_plan(const RolloutDocument& document, const query::Options& options) {
    TRY(query::Plan plan, condition_plan(document.target, options, "target"));
    if (plan.collection == query::Collection::jobs)
        return refused("A rollout is over devices or modules", "target");
    if (!plan.where && !document.confirm_all)
        return refused("The target is every device: say \"confirmAll\": true if that is meant",
                       "target");
    return plan;
}

Result<query::Plan> wave_plan(const RolloutDocument& document, std::size_t wave,
                              const query::Options& options) {
    TRY(query::Plan plan, target_plan(document, options));
    const std::string where = fmt::format("waves[{}].where", wave);
    TRY(const query::Plan condition, condition_plan(document.waves.at(wave).where, options, where));
    if (condition.collection != plan.collection)
        return refused("The wave and the target are over different collections", where);
    query::narrow(plan, condition);
    return plan;
}

}  // namespace twinhub::hub

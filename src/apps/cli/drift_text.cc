#include "apps/cli/drift_text.h"

#include "apps/cli/author_text.h"
#include "base/json_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace twinhub::apps::cli {
namespace {

constexpr std::size_t value_characters_max = 60;

std::string value_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return "nothing";
    std::string text = to_text(*value);
    if (text.size() > value_characters_max) text = text.substr(0, value_characters_max) + "...";
    return text;
}

std::uint64_t count_of(const json::object& counts, std::string_view name) {
    const json::value* count = counts.if_contains(name);
    return count != nullptr && count->is_number() ? count->to_number<std::uint64_t>() : 0;
}

// What an operator has to know first, in words.
std::string meaning(std::string_view state, std::string_view reason) {
    if (reason == "ack-behind") return "has answered an older wish only";
    if (reason == "in-progress") return "is at it";
    if (reason == "unreported") return "has never reported it";
    if (reason == "report-older") return "has not reported since it was asked";
    if (reason == "refused") return "refused";
    if (reason == "failed") return "tried and failed";
    if (reason == "adjusted") return "took another value";
    if (reason == "differs") return "reports another value";
    if (reason == "extra") return "reports what nobody desires";
    return std::string(state);
}

void append_since(std::string& out, const json::object& object, std::string_view now) {
    const std::string since = text_in(object, "since");
    if (since.empty()) return;
    out += fmt::format(" since {}", since);
    if (const std::string age = age_between(since, now); !age.empty())
        out += fmt::format(" ({})", age);
}

void append_author(std::string& out, const json::object& by) {
    out += ", asked by " + author_words(by);
    if (const std::string client = text_in(by, "client"); !client.empty())
        out += fmt::format(" from {}", client);
    if (const std::string request = text_in(by, "requestId"); !request.empty())
        out += fmt::format(", request {}", request);
    if (const std::string reason = text_in(by, "reason"); !reason.empty())
        out += fmt::format(": {}", reason);
}

void append_property(std::string& out, const json::object& property, std::string_view now) {
    const std::string state = text_in(property, "state");
    out += fmt::format("\n{}  {}", text_in(property, "path"), state);
    append_since(out, property, now);
    out += fmt::format("\n    the device  {}", meaning(state, text_in(property, "reason")));
    const json::value* code = property.if_contains("code");
    if (code != nullptr) out += fmt::format(", code {}", to_text(*code));
    if (const std::string words = text_in(property, "words"); !words.empty())
        out += fmt::format(": {}", to_text(json::value(words)));
    out += fmt::format("\n    reported    {}", value_of(property, "reported"));
    out += fmt::format("\n    desired     {}", value_of(property, "desired"));
    const json::value* ledger = property.if_contains("ledger");
    if (ledger != nullptr) {
        const json::object& wanted = ledger->at("wanted").as_object();
        out +=
            fmt::format("  version {} of {}", to_text(wanted.at("version")), text_in(wanted, "at"));
    }
    if (const json::value* by = property.if_contains("by")) append_author(out, by->as_object());
    out += '\n';
    const json::value* wanted = property.if_contains("wantedBy");
    if (wanted == nullptr) return;
    const char* label = "wanted by";
    for (const json::value& each : wanted->as_array()) {
        const json::object& one = each.as_object();
        out += fmt::format("    {:<12}{} of priority {}: {}{}\n", std::exchange(label, ""),
                           text_in(one, "configuration"), to_text(one.at("priority")),
                           one.at("value").is_null() ? "nothing" : value_of(one, "value"),
                           one.at("wins") == json::value(true) ? ", which wins" : "");
    }
}

}  // namespace

std::string age_between(std::string_view from, std::string_view to) {
    const auto begin = parse_instant(from);
    const auto end = parse_instant(to);
    if (!begin || !end || *begin > *end) return {};
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*end - *begin).count();
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} days", seconds / 86400);
}

std::string explained_drift(std::string_view name, const json::object& drift) {
    const std::string now = text_in(drift, "asOf");
    std::string out = fmt::format("{}: {}", name, text_in(drift, "state"));
    append_since(out, drift, now);
    const json::value* fresh = drift.if_contains("fresh");
    if (fresh != nullptr && *fresh == json::value(false)) out += ", as last known";
    const json::object& connection = drift.at("connection").as_object();
    const bool connected = text_in(connection, "state") == "Connected";
    out += connected ? "\nconnected" : "\nnot connected";
    append_since(out, connection, now);
    if (const std::string seen = text_in(connection, "lastActivityTime"); !seen.empty())
        out += fmt::format(", last heard of {}", seen);
    out += '\n';
    for (const json::value& one : drift.at("properties").as_array())
        if (text_in(one, "state") != "converged") append_property(out, one.as_object(), now);
    const std::uint64_t converged = count_of(drift.at("counts").as_object(), "converged");
    if (converged != 0)
        out += fmt::format("\n{} {} converged.\n", converged,
                           converged == 1 ? "property has" : "properties have");
    return out;
}

std::string explained_reasons(const json::object& why) {
    const std::uint64_t set = count_of(why, "set");
    const std::uint64_t baseline = count_of(why, "baseline");
    std::string out =
        fmt::format("{} devices asked about, {} to compare with, {} paths looked at\n", set,
                    baseline, count_of(why, "considered"));
    if (why.at("factors").as_array().empty())
        return out + "nothing that devices report or are tagged with sets them apart\n";
    for (const json::value& one : why.at("factors").as_array()) {
        const json::object& factor = one.as_object();
        const auto percent = [&](std::string_view name) {
            return factor.at(name).to_number<double>() * 100;
        };
        const json::value& value = factor.at("value");
        out += fmt::format(
            "{:5.1f}% of them and {:5.1f}% of the others  {} {}  ({} devices, "
            "lift {:.1f}, score {:.2f})\n",
            percent("inSet"), percent("inBaseline"), text_in(factor, "path"),
            value.is_null() ? std::string("is not there") : "= " + to_text(value),
            count_of(factor, "devices"), factor.at("lift").to_number<double>(),
            factor.at("score").to_number<double>());
    }
    return out;
}

}  // namespace twinhub::apps::cli

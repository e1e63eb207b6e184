#include "apps/cli/rollout_text.h"

#include "base/json_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace twinhub::apps::cli {
namespace {

constexpr std::size_t bar_width = 30;
constexpr std::size_t log_lines = 6;
constexpr std::size_t listed_max = 12;

std::uint64_t number(const json::value& in, std::string_view name) {
    const json::object* const object = in.if_object();
    const json::value* const value = object ? object->if_contains(name) : nullptr;
    return value && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}
const json::value* member(const json::value& in, std::string_view name) {
    const json::object* const object = in.if_object();
    return object ? object->if_contains(name) : nullptr;
}
json::array list(const json::value& in, std::string_view name) {
    const json::value* const value = member(in, name);
    return value && value->is_array() ? value->get_array() : json::array();
}

std::string percent(double share) {
    std::string text = fmt::format("{:.1f}", share * 100);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text + "%";
}

std::string duration(double seconds) {
    const auto whole = static_cast<std::uint64_t>(std::max(0.0, std::ceil(seconds)));
    if (whole < 120) return fmt::format("{} s", whole);
    if (whole < 2 * 3600) return fmt::format("{} min", whole / 60);
    if (whole < 2 * 86'400) return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
    return fmt::format("{} days", whole / 86'400);
}

// How a wave stands, a sign a share: # converged, x refused or not to be written, o offline, ~ on
// their way, and a dot who has not been told.
std::string bar(const json::value& wave) {
    struct Share {
        char sign;
        std::uint64_t count;
    };
    const json::value none = json::object();
    const json::value& states = member(wave, "states") ? *member(wave, "states") : none;
    const json::value& steps = member(wave, "steps") ? *member(wave, "steps") : none;
    const std::array shares{Share{'#', number(states, "converged")},
                            Share{'<', number(steps, "restored")},
                            Share{'x', number(states, "rejected") + number(states, "drifted") +
                                           number(steps, "failed") + number(steps, "kept")},
                            Share{'o', number(states, "offline")},
                            Share{'~', number(states, "pending") + number(states, "stale")},
                            Share{'.', number(steps, "waiting")}};
    std::uint64_t total = 0;
    for (const Share& share : shares) total += share.count;
    std::string text;
    std::uint64_t seen = 0;
    for (const Share& share : shares) {
        seen += share.count;
        const std::size_t until =
            total == 0 ? 0 : static_cast<std::size_t>(seen * bar_width / total);
        // A few who refuse must be seen.
        if (share.count != 0 && text.size() == until && text.size() < bar_width) text += share.sign;
        while (text.size() < until) text += share.sign;
    }
    text.resize(bar_width, ' ');
    return "[" + text + "]";
}

std::string gates_text(const json::value& wave) {
    const json::value* const gates = member(wave, "gates");
    if (gates == nullptr) return {};
    std::string text;
    const auto add = [&](std::string_view name, std::string_view limit, std::string_view sign) {
        const json::value* const gate = member(*gates, name);
        const json::value* const bound = gate ? member(*gate, limit) : nullptr;
        if (bound == nullptr) return;
        const json::value* const ok = member(*gate, "ok");
        text += fmt::format("  {} {} ({} {}) {}", name,
                            percent(member(*gate, "share")->to_number<double>()), sign,
                            percent(bound->to_number<double>()),
                            ok && ok->is_bool() && ok->get_bool() ? "ok" : "NOT YET");
    };
    add("converged", "atLeast", ">=");
    add("rejected", "atMost", "<=");
    if (const json::value* const soak = member(*gates, "soak"))
        text +=
            fmt::format("  soak {} of {}", duration(static_cast<double>(number(*soak, "seconds"))),
                        duration(static_cast<double>(number(*soak, "of"))));
    return text;
}

std::string counts_text(const json::value& of) {
    std::string text;
    const auto add = [&](std::string_view group, std::string_view name) {
        const json::value* const counts = member(of, group);
        const std::uint64_t count = counts ? number(*counts, name) : 0;
        if (count == 0) return;
        if (!text.empty()) text += ", ";
        text += fmt::format("{} {}", count, name);
    };
    for (const char* name : {"converged", "pending", "stale", "offline", "drifted", "rejected"})
        add("states", name);
    for (const char* name : {"waiting", "failed", "gone", "restored", "kept"}) add("steps", name);
    return text.empty() ? "nothing yet" : text;
}

std::string value_text(const json::value& change, std::string_view name) {
    const json::value* const value = member(change, name);
    std::string text = value ? to_text(*value) : "absent";
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    return text;
}

}  // namespace

std::string planned_text(const json::object& plan) {
    const json::value whole = plan;
    const json::array waves = list(whole, "waves");
    std::string text =
        fmt::format("{} waves, {} devices   differs on {}, same already {}, offline now {}\n",
                    waves.size(), number(whole, "devices"), number(whole, "differs"),
                    number(whole, "same"), number(whole, "offline"));
    for (std::size_t i = 0; i < waves.size(); ++i)
        text += fmt::format("  wave {:<3} {:>9} devices\n", i + 1, to_text(waves[i]));
    if (const std::uint64_t left = number(whole, "unassigned"); left != 0)
        text += fmt::format("  no wave  {:>9} devices\n", left);
    const json::array changes = list(whole, "changes");
    if (!changes.empty()) text += "will change\n";
    for (std::size_t i = 0; i < changes.size() && i < listed_max; ++i)
        text += fmt::format("  {}: {} -> {}   {} devices\n", text_in(changes[i], "path"),
                            value_text(changes[i], "from"), value_text(changes[i], "to"),
                            number(changes[i], "devices"));
    if (changes.size() > listed_max)
        text += fmt::format("  and {} more kinds of change\n", changes.size() - listed_max);
    for (const json::value& fault : list(whole, "faults")) {
        if (text_in(fault, "message").empty()) continue;
        text += fmt::format("refuses ({}): {} devices, {}: {}\n", text_in(fault, "kind"),
                            number(fault, "devices"), text_in(fault, "example"),
                            text_in(fault, "message"));
    }
    for (const json::value& overlap : list(whole, "overlaps"))
        text += fmt::format("overlaps: {} {} at {}, {} devices {}\n", text_in(overlap, "kind"),
                            text_in(overlap, "id"), text_in(overlap, "path"),
                            number(overlap, "devices"), text_in(overlap, "note"));
    if (const json::value* const everything = member(whole, "everything");
        everything && everything->is_bool() && everything->get_bool())
        text += "This is every device that there is: it needs --confirm-all\n";
    if (const json::value* const seconds = member(whole, "expectedSeconds");
        seconds && seconds->is_number())
        text += fmt::format("expected: {}, by what these devices took last time\n",
                            duration(seconds->to_number<double>()));
    text += fmt::format("signed {}, good until the fleet moves by more than 2%\n",
                        text_in(whole, "asOf"));
    return text;
}

std::string rollout_text(const json::object& rollout) {
    const json::value whole = rollout;
    std::string text = fmt::format("{}   {}", text_in(whole, "name"), text_in(whole, "state"));
    if (const std::string now = text_in(whole, "now"); !now.empty()) text += "   " + now;
    if (const std::string opens = text_in(whole, "opens"); !opens.empty())
        text += fmt::format("   next window {}", opens);
    text += fmt::format("\n{} devices: {}\n", number(whole, "devices"), counts_text(whole));
    for (const json::value& wave : list(whole, "waves")) {
        text += fmt::format("  wave {:<3} {} {:>8}  {:<8} {}\n", number(wave, "wave"), bar(wave),
                            number(wave, "devices"), text_in(wave, "state"), counts_text(wave));
        const std::string state = text_in(wave, "state");
        if (const std::string gates = gates_text(wave);
            !gates.empty() && state != "waiting" && state != "passed")
            text += "        " + gates + "\n";
    }
    const json::array log = list(whole, "log");
    for (std::size_t i = log.size() > log_lines ? log.size() - log_lines : 0; i < log.size(); ++i) {
        text += fmt::format("  {}  {}", text_in(log[i], "at"), text_in(log[i], "what"));
        if (const std::uint64_t wave = number(log[i], "wave"); wave != 0)
            text += fmt::format(" (wave {})", wave);
        if (const std::string reason = text_in(log[i], "reason"); !reason.empty())
            text += ": " + reason;
        if (const std::string by = text_in(log[i], "by"); !by.empty()) text += " [" + by + "]";
        text += '\n';
    }
    return text;
}

std::string rollout_line(const json::object& rollout) {
    const json::value whole = rollout;
    std::string text = fmt::format("{} {} {}", text_in(whole, "asOf"), text_in(whole, "name"),
                                   text_in(whole, "state"));
    if (const std::uint64_t wave = number(whole, "wave"); wave != 0)
        text += fmt::format(" wave {} of {}", wave, number(whole, "ofWaves"));
    text += ": " + counts_text(whole);
    if (const std::string now = text_in(whole, "now"); !now.empty()) text += "; " + now;
    return text + '\n';
}

}  // namespace twinhub::apps::cli

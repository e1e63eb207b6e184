#include "apps/cli/entity.h"
#include "apps/cli/generic_update.h"
#include "apps/cli/rollout_text.h"
#include "apps/keys/secret_file.h"
#include "base/encoding.h"
#include "base/json_members.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ostream>

namespace twinhub::apps::cli {
namespace {

const std::vector<Column> list_columns{{"Name", "name"},
                                       {"State", "state"},
                                       {"Wave", "wave"},
                                       {"Of", "ofWaves"},
                                       {"Devices", "devices"},
                                       {"Converged", "states.converged"},
                                       {"Rejected", "states.rejected"},
                                       {"Offline", "states.offline"},
                                       {"Now", "now"}};
const std::vector<Column> device_columns{{"DeviceId", "deviceId"}, {"ModuleId", "moduleId"},
                                         {"Wave", "wave"},         {"State", "state"},
                                         {"Step", "step"},         {"At", "at"},
                                         {"Opens", "opens"},       {"Message", "message"}};

std::string path_of_rollout(const Arguments& arguments, std::string_view tail = {}) {
    return "/rollouts/" + percent_encode(arguments.text("name")) + std::string(tail);
}

std::unexpected<Error> misuse(std::string message) {
    return failure(Code::argument_invalid, std::move(message));
}

// "97%" or "0.97".
Result<double> share_of(std::string_view name, std::string_view text) {
    const bool percent = text.ends_with('%');
    const std::string_view digits = percent ? text.substr(0, text.size() - 1) : text;
    double number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size())
        return misuse(fmt::format("--{} is a share: 97% or 0.97", name));
    return percent ? number / 100 : number;
}

// "20m" as the server takes it; PT20M as it is.
Result<std::string> duration_of(std::string_view name, std::string_view text) {
    if (text.starts_with('P')) return std::string(text);
    const std::string_view digits = text.substr(0, text.empty() ? 0 : text.size() - 1);
    if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos)
        switch (text.back()) {
            case 's': return fmt::format("PT{}S", digits);
            case 'm': return fmt::format("PT{}M", digits);
            case 'h': return fmt::format("PT{}H", digits);
            case 'd': return fmt::format("P{}D", digits);
            default: break;
        }
    return misuse(fmt::format("--{} is a time: 20m, 2h, 1d or PT20M", name));
}

// "1%", "50", "rest", or the condition of a query.
json::value wave_of(const std::string& text) {
    if (text == "rest") return json::object{{"rest", true}};
    const bool percent = text.ends_with('%');
    const std::string digits = percent ? text.substr(0, text.size() - 1) : text;
    double number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size())
        return json::object{{percent ? "toPercent" : "count", number}};
    return json::object{{"where", text}};
}

Result<json::object> gates_of(const Arguments& arguments) {
    json::object gates;
    for (const auto& [option, name] : {std::pair("converged-at-least", "convergedAtLeast"),
                                       std::pair("rejected-at-most", "rejectedAtMost"),
                                       std::pair("offline-allowance", "offlineAllowance")}) {
        if (!arguments.has(option)) continue;
        TRY(gates[name], share_of(option, arguments.text(option)));
    }
    for (const char* name : {"soak", "timeout"}) {
        if (!arguments.has(name)) continue;
        TRY(gates[name], duration_of(name, arguments.text(name)));
    }
    if (arguments.flag("settled")) gates["settled"] = true;
    return gates;
}

// The document of --file with what the other options say on top.
Result<json::object> document_of(const Arguments& arguments) {
    json::object document;
    if (arguments.has("file")) {
        TRY(const std::string text, read_file(arguments.text("file")));
        TRY(json::value parsed, parse_json(text));
        if (!parsed.is_object()) return misuse("the file holds no JSON object");
        document = std::move(parsed.get_object());
    }
    if (arguments.has("name")) document["name"] = arguments.text("name");
    if (arguments.has("target")) document["target"] = arguments.text("target");
    json::object patch;
    if (arguments.has("tags")) {
        TRY(patch["tags"], read_object_argument("tags", arguments.text("tags")));
    }
    if (arguments.has("desired")) {
        TRY(json::object desired, read_object_argument("desired", arguments.text("desired")));
        patch["properties"] = json::object{{"desired", std::move(desired)}};
    }
    if (!patch.empty()) document["patch"] = std::move(patch);
    if (arguments.has("content")) {
        TRY(document["content"], read_object_argument("content", arguments.text("content")));
    }
    if (arguments.has("window")) {
        TRY(document["window"], read_object_argument("window", arguments.text("window")));
    }
    if (arguments.has("waves")) {
        json::array waves;
        for (const std::string& text : arguments.list("waves")) waves.push_back(wave_of(text));
        document["waves"] = std::move(waves);
    }
    TRY(json::object gates, gates_of(arguments));
    if (!gates.empty()) {
        json::value& there = document["gates"];
        if (!there.is_object()) there = json::object();
        for (auto& [name, value] : gates) there.get_object()[name] = value;
    }
    if (arguments.has("on-fail")) document["onFail"] = arguments.text("on-fail");
    if (arguments.has("devices-per-second")) {
        TRY(const json::value rate, parse_json(arguments.text("devices-per-second")));
        document["devicesPerSecond"] = rate;
    }
    if (arguments.has("confirm-all")) document["confirmAll"] = true;
    if (!document.contains("name")) return misuse("the rollout needs a name: --name");
    if (!document.contains("target"))
        return misuse("the rollout needs a target: --target \"tags.site = 'north'\"");
    return document;
}

Outcome plan(Context& context) {
    const Arguments& arguments = context.arguments();
    auto document = document_of(arguments);
    if (!document) return outcome_of(document.error());
    const std::string name = text_in(*document, "name");
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto made = (*hub)->call({.method = "POST", .path = "/rollouts/plan", .body = *document});
    if (!made) return outcome_of(made.error());
    if (arguments.flag("save")) {
        const auto saved =
            (*hub)->call({.method = "PUT",
                          .path = "/rollouts/" + percent_encode(name),
                          .body = json::object{{"plan", made->as_object().at("plan")}}});
        if (!saved) return outcome_of(saved.error());
    }
    if (arguments.has("output")) return Outcome::of(std::move(*made));
    std::string text = planned_text(made->as_object());
    text += arguments.flag("save") ? fmt::format("saved: twinhub rollout start --name {}\n", name)
                                   : "nothing is saved: say --save to be able to start it\n";
    return Outcome::print(std::move(text));
}

Outcome shown(Context& context, json::value rollout) {
    if (context.arguments().has("output")) return Outcome::of(std::move(rollout));
    return Outcome::print(rollout_text(rollout.as_object()));
}

Outcome act(Context& context, const char* action) {
    const Arguments& arguments = context.arguments();
    json::object body;
    for (const char* name : {"reason", "confirm"})
        if (arguments.has(name)) body[name] = arguments.text(name);
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto done = (*hub)->call({.method = "POST",
                              .path = path_of_rollout(arguments, std::string("/") + action),
                              .body = std::move(body)});
    if (!done) return outcome_of(done.error());
    return shown(context, std::move(*done));
}

bool is_over(std::string_view state) {
    return state == "completed" || state == "halted" || state == "rolledBack";
}

// One screen that is drawn again and again, or a line whenever something moves.
class Progress {
public:
    Progress(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}

    // False when nothing more will come.
    bool take(std::string_view line) {
        if (line.starts_with("event: removed")) return false;
        if (!line.starts_with("data: ")) return true;
        const auto parsed = parse_json(line.substr(6), JsonLimits{1 << 24, 64});
        if (!parsed || !parsed->is_object()) return true;
        const json::object& rollout = parsed->get_object();
        if (terminal_) {
            const std::string text = rollout_text(rollout);
            if (lines_ != 0) out_ << fmt::format("\x1b[{}A\x1b[J", lines_);
            out_ << text << std::flush;
            lines_ = static_cast<std::size_t>(std::ranges::count(text, '\n'));
        } else {
            // What is the same but for the time is not news.
            std::string text = rollout_line(rollout);
            const std::string news = text.substr(text.find(' '));
            if (news != last_) out_ << text << std::flush;
            last_ = news;
        }
        return !is_over(text_in(rollout, "state"));
    }

private:
    std::ostream& out_;
    bool terminal_;
    std::size_t lines_ = 0;
    std::string last_;
};

Outcome status(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    if (!arguments.flag("watch")) {
        auto answer = (*hub)->call({.path = path_of_rollout(arguments), .body = {}});
        if (!answer) return outcome_of(answer.error());
        return shown(context, std::move(*answer));
    }
    std::ostream& out = context.around().out;
    Progress progress(out, ::isatty(STDOUT_FILENO) == 1 && !arguments.has("output"));
    const auto done = (*hub)->stream({.path = path_of_rollout(arguments, "/stream"), .body = {}},
                                     [&](std::string_view line) { return progress.take(line); });
    if (!done) return outcome_of(done.error());
    return Outcome::nothing();
}

Outcome list(Context& context) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->call({.path = "/rollouts", .body = {}});
    if (!answer) return outcome_of(answer.error());
    return Outcome::of(answer->at("rollouts"), list_columns);
}

Outcome remove(Context& context) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    const auto done = (*hub)->call(
        {.method = "DELETE", .path = path_of_rollout(context.arguments()), .body = {}});
    if (!done) return outcome_of(done.error());
    return Outcome::nothing();
}

Outcome devices(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_or_all(arguments);
    if (!top) return outcome_of(top.error());
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    json::array all;
    std::string after;
    do {
        const std::uint64_t left =
            *top == 0 ? 1000 : std::min<std::uint64_t>(1000, *top - all.size());
        auto page = (*hub)->call({.path = with_parameters(path_of_rollout(arguments, "/devices"),
                                                          {{"state", arguments.text("state")},
                                                           {"wave", arguments.text("wave")},
                                                           {"limit", std::to_string(left)},
                                                           {"after", after}}),
                                  .body = {}});
        if (!page) return outcome_of(page.error());
        for (json::value& device : page->as_object().at("devices").as_array())
            all.push_back(std::move(device));
        after = text_in(*page, "next");
    } while (!after.empty() && (*top == 0 || all.size() < *top));
    return Outcome::of(std::move(all), device_columns);
}

Option name_option() {
    return {.name = "name", .other_names = "-n", .about = "The rollout", .required = true};
}
Option reason_option(bool required) {
    return {.name = "reason", .about = "Why, for the history", .required = required};
}

std::vector<Option> plan_options() {
    Option name = name_option();
    name.required = false;
    return {
        name,
        {.name = "file", .about = "The rollout as JSON (docs/rollouts.md); options go on top"},
        {.name = "target", .other_names = "-q", .about = "Which devices: the condition of a query"},
        {.name = "desired", .about = "JSON object to merge into their desired properties"},
        {.name = "tags", .about = "JSON object to merge into their tags"},
        {.name = "content", .about = "Of a configuration, in place of a patch: JSON"},
        {.name = "waves",
         .about = "In turn: 1% of all, 50 devices, a condition, rest",
         .takes = Takes::many},
        {.name = "converged-at-least", .about = "Gate of each wave: 97%"},
        {.name = "rejected-at-most", .about = "Gate: 1%"},
        {.name = "offline-allowance", .about = "Who may be away without being waited for: 10%"},
        {.name = "soak", .about = "How long it must be good: 20m"},
        {.name = "settled",
         .about = "Not before each device has answered, gone away or become stale",
         .takes = Takes::none},
        {.name = "timeout", .about = "When it is given up: 4h"},
        {.name = "window", .about = "When devices may be changed: JSON"},
        {.name = "on-fail", .about = "What a failed gate does", .choices = "pause|halt|rollback"},
        {.name = "devices-per-second", .about = "So many at most"},
        {.name = "confirm-all", .about = "Every device is meant", .takes = Takes::none},
        {.name = "save", .about = "Keep it, to be started", .takes = Takes::flag}};
}

}  // namespace

std::vector<Command> rollout_commands() {
    const auto acting = [](const char* action) {
        return [action](Context& context) { return act(context, action); };
    };
    std::vector<Command> commands;
    commands.push_back({.words = "rollout plan",
                        .about = "What a rollout would do, device by device; nothing is changed",
                        .options = plan_options(),
                        .run = plan});
    commands.push_back({.words = "rollout start",
                        .about = "Begins with the first wave of a saved plan",
                        .options = {name_option(), reason_option(false)},
                        .run = acting("start")});
    commands.push_back(
        {.words = "rollout status",
         .about = "Where a rollout stands; with --watch as it goes on",
         .options = {name_option(),
                     {.name = "watch", .about = "Until it is over", .takes = Takes::flag}},
         .run = status});
    commands.push_back({.words = "rollout pause",
                        .about = "Tells no further device for now",
                        .options = {name_option(), reason_option(false)},
                        .run = acting("pause")});
    commands.push_back(
        {.words = "rollout resume",
         .about = "Goes on; past a gate that failed only with --confirm",
         .options = {name_option(),
                     reason_option(false),
                     {.name = "confirm",
                      .about = "The name of the rollout again: I have looked at it"}},
         .run = acting("resume")});
    commands.push_back({.words = "rollout abort",
                        .about = "Ends it where it is",
                        .options = {name_option(), reason_option(false)},
                        .run = acting("abort")});
    commands.push_back({.words = "rollout rollback",
                        .about = "Gives every changed device its own earlier values",
                        .options = {name_option(), reason_option(true)},
                        .run = acting("rollback")});
    commands.push_back(
        {.words = "rollout list", .about = "All rollouts", .options = {}, .run = list});
    commands.push_back(
        {.words = "rollout devices",
         .about = "The devices of a rollout, with what was done to them",
         .options = {name_option(),
                     {.name = "state",
                      .about = "waiting, told, same, failed, gone, restored, kept, or how they "
                               "stand: converged, pending, offline, stale, drifted, rejected"},
                     {.name = "wave", .about = "Of this wave: 1"},
                     top_option("")},
         .run = devices});
    commands.push_back({.words = "rollout delete",
                        .about = "Forgets a draft, or a rollout that is over",
                        .options = {name_option()},
                        .run = remove});
    return commands;
}

}  // namespace twinhub::apps::cli

#include "apps/cli/history_commands.h"

#include "apps/cli/author_text.h"
#include "apps/cli/entity.h"
#include "base/encoding.h"
#include "base/json_members.h"
#include "base/time.h"
#include "query/time_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace twinhub::apps::cli {
namespace {

const std::vector<Column> history_columns{{"At", "at"},           {"Cause", "cause"},
                                          {"By", "who"},          {"Part", "part"},
                                          {"Version", "version"}, {"What", "what"}};
const std::vector<Column> difference_columns{
    {"Part", "part"}, {"Path", "path"}, {"Before", "before"}, {"After", "after"}};

constexpr std::uint64_t page_max = 1000;

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string in_line(const json::value* value) { return value ? to_text(*value) : "-"; }

// A change in a few words, for a table: "fan.speed: 1 -> 2".
std::string words_of(const json::object& change) {
    std::string words;
    if (const std::string kind = text_in(change, "kind"); kind != "twin") {
        words = kind;
        if (const std::string fields = text_in(change, "fields"); !fields.empty())
            words += ": " + fields;
        if (kind == "model") words += ": " + text_in(change, "modelAfter");
        return words;
    }
    const json::value* const leaves = change.if_contains("leaves");
    if (leaves == nullptr || !leaves->is_array()) return words;
    for (const json::value& each : leaves->get_array()) {
        if (!each.is_object()) continue;
        const json::object& leaf = each.get_object();
        if (!words.empty()) words += ", ";
        words +=
            fmt::format("{}: {} -> {}", text_in(leaf, "path"), in_line(leaf.if_contains("before")),
                        in_line(leaf.if_contains("after")));
    }
    return words;
}

std::string history_path(const Arguments& arguments, std::uint64_t limit) {
    std::string path = path_of("twins", arguments) + "/history?limit=" + std::to_string(limit);
    for (const char* name : {"part", "author", "path"})
        if (arguments.has(name))
            path += fmt::format("&{}={}", name, percent_encode(arguments.text(name)));
    return path;
}

// The changes from the newest back, page by page; with what is not kept any more.
Result<json::array> read_history(Context& context, std::string& oldest_kept) {
    const Arguments& arguments = context.arguments();
    TRY(const std::uint64_t top, top_of(arguments));
    TRY(ServiceClient* const hub, context.hub());
    json::array changes;
    std::string before;
    if (arguments.has("before")) {
        const std::string text = arguments.text("before");
        before = "&before=" + percent_encode(time_ago(text).value_or(text));
    }
    while (top == 0 || changes.size() < top) {
        const std::uint64_t wanted = top == 0 ? page_max : std::min(page_max, top - changes.size());
        TRY(const json::value page,
            hub->call({.path = history_path(arguments, wanted) + before, .body = {}}));
        const json::object& object = page.as_object();
        oldest_kept = text_in(object, "oldestKept");
        for (const json::value& change : object.at("changes").as_array()) changes.push_back(change);
        const json::value* const next = object.if_contains("next");
        if (next == nullptr) break;
        before = "&before=" + to_text(*next);
    }
    return changes;
}

Outcome history(Context& context) {
    std::string oldest_kept;
    Result<json::array> changes = read_history(context, oldest_kept);
    if (!changes) return Outcome::refused(changes.error());
    const std::string format = context.arguments().text("output");
    if (format == "table" || format == "tsv")
        for (json::value& change : *changes) describe(change.as_object());
    return Outcome::of(std::move(*changes), history_columns);
}

Result<json::value> twin_at(Context& context, const char* option) {
    TRY(ServiceClient* const hub, context.hub());
    std::string path = path_of("twins", context.arguments());
    if (context.arguments().has(option)) {
        TRY(const std::string query, moment_query(context.arguments().text(option), option));
        path += "?" + query;
    }
    return hub->call({.path = std::move(path), .body = {}});
}

Result<json::value> diff(Context& context) {
    TRY(const json::value before, twin_at(context, "from"));
    TRY(const json::value after, twin_at(context, "to"));
    return json::value(differences(before, after));
}

// The body of a restore, from the options that its commands share.
Result<json::object> restore_order(const Arguments& arguments, Instant now) {
    const std::string moment = arguments.text("to");
    json::object body;
    TRY_VOID(moment_query(moment, "to"));
    std::uint64_t number = 0;
    if (is_number(moment)) {
        std::from_chars(moment.data(), moment.data() + moment.size(), number);
        body["atVersion"] = number;
    } else if (const auto ago = time_ago(moment)) {
        // Said once: for many twins, one after the other, it must stay the same moment.
        body["at"] = format_instant(now - query::parse_time_ago(*ago).value_or(Ticks{}));
    } else {
        body["at"] = moment;
    }
    for (const auto& [option, member] : {std::pair("part", "parts"), std::pair("path", "paths")}) {
        if (!arguments.has(option)) continue;
        json::array& list = body[member].emplace_array();
        for (const std::string& text : arguments.list(option)) list.emplace_back(text);
    }
    if (arguments.has("reason")) body["reason"] = arguments.text("reason");
    return body;
}

Result<json::value> restore(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(json::object body, restore_order(arguments, context.clock().now()));
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = "POST",
                      .path = path_of("twins", arguments) + "/restore",
                      .body = std::move(body),
                      .if_match = arguments.has("etag") ? quoted(arguments.text("etag")) : ""});
}

std::uint64_t version_in(const json::value& twin) {
    const json::value* const version =
        twin.is_object() ? twin.get_object().if_contains("version") : nullptr;
    return version && version->is_number() ? version->to_number<std::uint64_t>() : 0;
}

Result<json::value> restore_all(Context& context, bool module) {
    const Arguments& arguments = context.arguments();
    TRY(const json::object order, restore_order(arguments, context.clock().now()));
    TRY(ServiceClient* const hub, context.hub());
    TRY(const json::array rows,
        hub->query({.text = fmt::format("SELECT deviceId{}, version FROM devices{} WHERE ({})",
                                        module ? ", moduleId" : "", module ? ".modules" : "",
                                        arguments.text("query")),
                    .top = 0,
                    .dialect = {}}));
    if (arguments.text("confirm") != std::to_string(rows.size()))
        return failure(Code::argument_invalid,
                       fmt::format("{} twins are selected, and nothing was changed: repeat with "
                                   "--confirm {} to restore them",
                                   rows.size(), rows.size()));
    std::uint64_t restored = 0;
    std::uint64_t unchanged = 0;
    json::array failed;
    for (const json::value& row : rows) {
        const std::string device = text_in(row, "deviceId");
        const std::string module_id = text_in(row, "moduleId");
        const auto twin = hub->call({.method = "POST",
                                     .path = path_of("twins", device, module_id) + "/restore",
                                     .body = order,
                                     .if_match = {}});
        if (twin) {
            ++(version_in(*twin) == version_in(row) ? unchanged : restored);
            continue;
        }
        // The hub is gone: so would be all that follow.
        if (twin.error().code == Code::unavailable || twin.error().code == Code::unauthorized)
            return std::unexpected(twin.error());
        json::object line{{"deviceId", device}};
        if (module) line["moduleId"] = module_id;
        line["error"] = twin.error().message;
        failed.push_back(std::move(line));
    }
    return json::value(json::object{{"selected", rows.size()},
                                    {"restored", restored},
                                    {"unchanged", unchanged},
                                    {"failed", std::move(failed)}});
}

using Leaves = std::map<std::string, const json::value*>;

void collect(const json::value& value, const std::string& path, Leaves& leaves) {
    const json::object* const object = value.if_object();
    if (object == nullptr || (object->empty() && !path.empty())) {
        leaves[path] = &value;
        return;
    }
    for (const auto& [key, member] : *object) {
        if (path.empty() && (key == "$metadata" || key == "$version")) continue;
        collect(member, path.empty() ? std::string(key) : path + "." + std::string(key), leaves);
    }
}

Leaves leaves_of(const json::value& twin, std::string_view part) {
    Leaves leaves;
    const json::value* section = &twin;
    if (part != "tags" && section->is_object())
        section = section->get_object().if_contains("properties");
    if (section != nullptr && section->is_object())
        section = section->get_object().if_contains(part);
    if (section != nullptr && section->is_object()) collect(*section, {}, leaves);
    return leaves;
}

}  // namespace

std::optional<std::string> time_ago(std::string_view text) {
    if (text.size() < 2 || !is_number(text.substr(0, text.size() - 1))) return std::nullopt;
    const std::string_view number = text.substr(0, text.size() - 1);
    switch (text.back()) {
        case 's': return fmt::format("-PT{}S", number);
        case 'm': return fmt::format("-PT{}M", number);
        case 'h': return fmt::format("-PT{}H", number);
        case 'd': return fmt::format("-P{}D", number);
        default: return std::nullopt;
    }
}

void describe(json::object& change) {
    std::string who;
    if (const json::value* const by = change.if_contains("by"); by != nullptr && by->is_object())
        who = author_words(by->get_object());
    change["who"] = who;
    change["what"] = words_of(change);
}

Result<std::string> moment_query(std::string_view text, std::string_view option) {
    if (is_number(text)) return fmt::format("atVersion={}", text);
    if (const auto ago = time_ago(text)) return "at=" + percent_encode(*ago);
    if (parse_instant(text)) return "at=" + percent_encode(text);
    return failure(Code::argument_invalid,
                   fmt::format("--{} is a time (2026-11-20T14:00:00Z), how long ago (90s, 30m, 2h, "
                               "3d) or a desired version, not '{}'",
                               option, text));
}

json::array differences(const json::value& before, const json::value& after) {
    json::array list;
    for (const char* part : {"tags", "desired", "reported"}) {
        const Leaves was = leaves_of(before, part), now = leaves_of(after, part);
        Leaves all = was;
        all.insert(now.begin(), now.end());
        for (const auto& [path, value] : all) {
            const auto a = was.find(path), b = now.find(path);
            if (a != was.end() && b != now.end() && *a->second == *b->second) continue;
            json::object line{{"part", part}, {"path", path}};
            if (a != was.end()) line["before"] = *a->second;
            if (b != now.end()) line["after"] = *b->second;
            list.push_back(std::move(line));
        }
    }
    return list;
}

Option as_of_option() {
    return {.name = "as-of",
            .about = "As it was: a time, how long ago (90s, 30m, 2h, 3d) or a desired version"};
}

std::vector<Command> history_commands(bool module) {
    const std::string noun = module ? "module-twin" : "device-twin";
    const std::string of = module ? " of a module" : " of a device";
    const auto with_entity = [module](std::vector<Option> options) {
        std::vector<Option> all{device_option()};
        if (module) all.push_back(module_option());
        std::ranges::move(options, std::back_inserter(all));
        return all;
    };
    std::vector<Command> commands;
    commands.push_back(
        {.words = noun + " history",
         .about = "Who changed the twin" + of + ", when, and what was there before",
         .options = with_entity(
             {top_option("50"),
              {.name = "before", .about = "Only older ones: a time, or how long ago (2h)"},
              {.name = "part",
               .about = "Only those of this part",
               .choices = "tags|desired|reported|identity"},
              {.name = "author", .about = "Only those of this policy, or of the device itself"},
              {.name = "path", .about = "Only those of this property: fan.speed, tags.site"}}),
         .run = history});
    commands.push_back(
        {.words = noun + " diff",
         .about = "In which values the twin" + of + " differs between two moments",
         .options = with_entity({{.name = "from",
                                  .about = "A time, how long ago (2h) or a desired version",
                                  .required = true},
                                 {.name = "to", .about = "The same; without it, now"}}),
         .run = [](Context& context) { return outcome_of(diff(context), difference_columns); }});
    std::vector<Option> what{
        {.name = "to", .about = "A time, how long ago (2h) or a desired version", .required = true},
        {.name = "part", .about = "tags, desired; without it, both", .takes = Takes::many},
        {.name = "path", .about = "Only these properties: fan.speed", .takes = Takes::many},
        {.name = "reason", .about = "Why, for the history"}};
    std::vector<Option> many = what;
    many.insert(many.begin(), {.name = "query",
                               .other_names = "-q",
                               .about = "Which twins: the condition of a query",
                               .required = true});
    many.push_back({.name = "confirm", .about = "How many they are; without it, it is only said"});
    commands.push_back(
        {.words = noun + " restore-all",
         .about = "The same for every twin that a condition selects",
         .options = std::move(many),
         .run = [module](Context& context) { return outcome_of(restore_all(context, module)); }});
    what.push_back(etag_option());
    commands.push_back(
        {.words = noun + " restore",
         .about = "Makes tags and desired properties" + of + " what they were",
         .options = with_entity(std::move(what)),
         .run = [](Context& context) { return outcome_of(restore(context), twin_columns); }});
    return commands;
}

}  // namespace twinhub::apps::cli

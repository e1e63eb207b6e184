#include "apps/cli/entity.h"
#include "apps/cli/generic_update.h"
#include "apps/cli/history_commands.h"

namespace twinhub::apps::cli {
namespace {

Result<json::value> show(Context& context) {
    TRY(ServiceClient* const hub, context.hub());
    const Arguments& arguments = context.arguments();
    std::string path = path_of("twins", arguments);
    if (arguments.has("as-of")) {
        TRY(const std::string query, moment_query(arguments.text("as-of"), "as-of"));
        path += "?" + query;
    }
    return hub->call({.path = std::move(path), .body = {}});
}

// A merge keeps what it does not name: writes a null for each member of `before` that is gone.
void mark_removed(const json::value& before, json::value& after) {
    if (!before.is_object() || !after.is_object()) return;
    for (const auto& [key, old] : before.get_object()) {
        json::value* now = after.get_object().if_contains(key);
        if (now) mark_removed(old, *now);
        else after.get_object()[key] = nullptr;
    }
}

// RFC 7396 without the removal: `patch` is itself one to be sent on.
void overlay(json::value& base, const json::value& patch) {
    if (!base.is_object() || !patch.is_object()) {
        base = patch;
        return;
    }
    for (const auto& [key, value] : patch.get_object()) overlay(base.get_object()[key], value);
}

Result<json::value> update(Context& context) {
    const Arguments& arguments = context.arguments();
    json::object patch;
    for (const char* part : {"tags", "desired"}) {
        if (!arguments.has(part)) continue;
        TRY(json::object section, read_object_argument(part, arguments.text(part)));
        if (std::string_view(part) == "tags") patch["tags"] = std::move(section);
        else patch["properties"] = json::object{{"desired", std::move(section)}};
    }
    if (patch.empty() && !has_generic_updates(arguments))
        return failure(Code::argument_invalid,
                       "nothing to change: give --desired, --tags, --set, --add or --remove");

    const std::string path = path_of("twins", arguments);
    TRY(ServiceClient* const hub, context.hub());
    json::value body = std::move(patch);
    if (has_generic_updates(arguments)) {
        TRY(json::value twin, hub->call({.path = path, .body = {}}));
        const json::value before = twin;
        TRY_VOID(apply_generic_updates(twin, arguments));
        mark_removed(before, twin);
        overlay(twin, body);
        body = std::move(twin);
    }
    return hub->call({.method = "PATCH",
                      .path = path,
                      .body = std::move(body),
                      .if_match = quoted(arguments.text("etag"))});
}

Result<json::value> replace(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(json::object body, read_object_argument("json", arguments.text("json")));
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = "PUT",
                      .path = path_of("twins", arguments),
                      .body = std::move(body),
                      .if_match = quoted(arguments.text("etag"))});
}

std::function<Outcome(Context&)> twin_answer(Result<json::value> (*run)(Context&)) {
    return [run](Context& context) { return outcome_of(run(context), twin_columns); };
}

std::vector<Option> with_entity(bool module, std::vector<Option> options) {
    std::vector<Option> all{device_option()};
    if (module) all.push_back(module_option());
    std::ranges::move(options, std::back_inserter(all));
    return all;
}

}  // namespace

std::vector<Command> twin_commands() {
    std::vector<Command> commands;
    commands.push_back(
        {.words = "device-twin list",
         .about = "Twins of devices",
         .options = {edge_option("Only edge devices"), selection_option(), top_option("1000")},
         .run = list_twins});
    for (const bool module : {false, true}) {
        const std::string noun = module ? "module-twin" : "device-twin";
        const std::string of = module ? " of a module" : " of a device";
        commands.push_back({.words = noun + " show",
                            .about = "The twin" + of,
                            .options = with_entity(module, {as_of_option()}),
                            .run = twin_answer(show)});
        std::vector<Option> update_options{
            {.name = "desired",
             .about = "JSON object to merge into the desired properties; null removes"},
            {.name = "tags", .about = "JSON object to merge into the tags; null removes"},
            etag_option()};
        std::ranges::move(generic_update_options(), std::back_inserter(update_options));
        commands.push_back({.words = noun + " update",
                            .about = "Merges into the tags and desired properties" + of,
                            .options = with_entity(module, std::move(update_options)),
                            .run = twin_answer(update)});
        commands.push_back(
            {.words = noun + " replace",
             .about = "Replaces the tags and desired properties" + of,
             .options = with_entity(module, {{.name = "json",
                                              .other_names = "-j",
                                              .about = "The new twin, inline or a file",
                                              .required = true},
                                             etag_option()}),
             .run = twin_answer(replace)});
        std::ranges::move(history_commands(module), std::back_inserter(commands));
    }
    return commands;
}

}  // namespace twinhub::apps::cli

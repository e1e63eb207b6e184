// Automatic device configurations: the commands of `az iot hub configuration`.
#include "apps/cli/entity.h"
#include "apps/cli/generic_update.h"
#include "base/encoding.h"
#include "base/json_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace twinhub::apps::cli {
namespace {

const std::vector<Column> columns{{"Id", "id"},
                                  {"Priority", "priority"},
                                  {"TargetCondition", "targetCondition"},
                                  {"Targeted", "systemMetrics.results.targetedCount"},
                                  {"Applied", "systemMetrics.results.appliedCount"}};

std::string path_of_configuration(const Arguments& arguments) {
    return "/configurations/" + percent_encode(ascii_lower(arguments.text("config-id")));
}

// `{"content":{...}}` as well as the content alone, and so with metrics: az takes both.
Result<json::object> unwrapped(const std::string& option, std::string_view member,
                               const std::string& text) {
    TRY(json::object object, read_object_argument(option, text));
    if (const json::value* inner = object.if_contains(member); inner && inner->is_object()) {
        json::object taken = inner->get_object();
        return taken;
    }
    return object;
}

Result<> check_content(const json::object& content, const std::string& condition) {
    const auto has = [&content](const char* name) { return content.contains(name); };
    if (!has("deviceContent") && !has("moduleContent") && !has("modulesContent"))
        return failure(Code::argument_invalid,
                       "--content has deviceContent, moduleContent or modulesContent");
    const std::string begin = ascii_lower(condition).substr(0, 26);
    if (has("moduleContent") && !condition.empty() && begin != "from devices.modules where")
        return failure(Code::argument_invalid,
                       "the target condition of a moduleContent begins with 'from devices.modules "
                       "where'");
    return {};
}

// All devices at once is seldom what was meant.
Result<> check_reach(const json::object& configuration, const Arguments& arguments) {
    const std::string condition = text_in(configuration, "targetCondition");
    const std::size_t begin = condition.find_first_not_of(" \t");
    if (begin == std::string::npos || condition.substr(begin, 1) != "*" || arguments.flag("yes"))
        return {};
    return failure(Code::argument_invalid,
                   "the target condition * is for every device of the hub: say --yes if that is "
                   "meant");
}

// k=v pairs of an option that takes many.
Result<json::object> pairs(const Arguments& arguments, const std::string& option) {
    json::object object;
    for (const std::string& pair : arguments.list(option)) {
        const std::size_t equals = pair.find('=');
        if (equals == 0 || equals == std::string::npos)
            return failure(Code::argument_invalid,
                           fmt::format("--{} takes NAME=VALUE, not '{}'", option, pair));
        object[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return object;
}

Result<json::value> labels_of(const Arguments& arguments) {
    if (arguments.has("labels") && arguments.has("custom-labels"))
        return failure(Code::argument_invalid, "give --labels or --custom-labels, not both");
    if (arguments.has("custom-labels")) {
        TRY(json::object labels, pairs(arguments, "custom-labels"));
        return json::value(std::move(labels));
    }
    if (!arguments.has("labels")) return json::value(nullptr);
    TRY(json::object labels, read_object_argument("labels", arguments.text("labels")));
    return json::value(std::move(labels));
}

Result<json::object> metrics_of(const Arguments& arguments) {
    if (arguments.has("metrics") && arguments.has("custom-metric-queries"))
        return failure(Code::argument_invalid,
                       "give --metrics or --custom-metric-queries, not both");
    json::object queries;
    if (arguments.has("custom-metric-queries")) {
        TRY(queries, pairs(arguments, "custom-metric-queries"));
    } else if (arguments.has("metrics")) {
        TRY(const json::object metrics, unwrapped("metrics", "metrics", arguments.text("metrics")));
        TRY(const json::object* inner, object_member(metrics, "queries"));
        if (inner == nullptr)
            return failure(Code::argument_invalid, "--metrics has the member queries");
        queries = *inner;
    }
    return queries;
}

Result<json::value> create(Context& context) {
    const Arguments& arguments = context.arguments();
    const std::string id = ascii_lower(arguments.text("config-id"));
    const std::string condition = arguments.text("target-condition");
    TRY(json::object content, unwrapped("content", "content", arguments.text("content")));
    TRY_VOID(check_content(content, condition));
    TRY(json::value labels, labels_of(arguments));
    TRY(json::object metrics, metrics_of(arguments));
    const std::string given = arguments.text("priority");
    std::int64_t priority = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), priority);
    if (error != std::errc{} || end != given.data() + given.size())
        return failure(Code::argument_invalid, "--priority is a number");
    json::object body{{"id", id},
                      {"schemaVersion", "2.0"},
                      {"labels", std::move(labels)},
                      {"content", std::move(content)},
                      {"targetCondition", condition},
                      {"priority", priority},
                      {"metrics", json::object{{"queries", std::move(metrics)}}},
                      {"etag", "*"}};
    TRY_VOID(check_reach(body, arguments));
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = "PUT", .path = path_of_configuration(arguments), .body = body});
}

Result<json::value> show(Context& context) {
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.path = path_of_configuration(context.arguments()), .body = {}});
}

Result<json::value> list(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(const std::uint64_t top, top_or_all(arguments));
    TRY(ServiceClient* const hub, context.hub());
    return hub->call(
        {.path = top == 0 ? "/configurations" : fmt::format("/configurations?top={}", top),
         .body = {}});
}

Result<json::value> update(Context& context) {
    const Arguments& arguments = context.arguments();
    if (!has_generic_updates(arguments))
        return failure(Code::argument_invalid, "nothing to change: give --set, --add or --remove");
    TRY(ServiceClient* const hub, context.hub());
    const std::string path = path_of_configuration(arguments);
    TRY(json::value configuration, hub->call({.path = path, .body = {}}));
    const std::string before = text_in(configuration, "targetCondition");
    TRY_VOID(apply_generic_updates(configuration, arguments));
    if (text_in(configuration, "targetCondition") != before)
        TRY_VOID(check_reach(configuration.as_object(), arguments));
    return hub->call({.method = "PUT",
                      .path = path,
                      .body = std::move(configuration),
                      .if_match = quoted(arguments.text("etag"))});
}

Result<json::value> remove(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = "DELETE",
                      .path = path_of_configuration(arguments),
                      .body = {},
                      .if_match = quoted(arguments.text("etag"))});
}

Result<json::value> show_metric(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(ServiceClient* const hub, context.hub());
    TRY(const json::value configuration,
        hub->call({.path = path_of_configuration(arguments), .body = {}}));
    const bool system = arguments.text("metric-type") == "system";
    const std::string metric = arguments.text("metric-id");
    const json::value& queries =
        configuration.at(system ? "systemMetrics" : "metrics").at("queries");
    const json::value* text =
        queries.is_object() ? queries.get_object().if_contains(metric) : nullptr;
    if (text == nullptr || !text->is_string())
        return failure(Code::not_found, fmt::format("The configuration has no {} metric '{}'",
                                                    system ? "system" : "user", metric));
    json::array rows;
    if (!text->get_string().empty()) {
        TRY(rows, hub->query(FleetQuery{.text = std::string(text->get_string())}));
    }
    return json::value{{"metric", metric}, {"query", *text}, {"result", std::move(rows)}};
}

Result<json::value> test(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(json::object metrics, metrics_of(arguments));
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = "POST",
                      .path = "/configurations/testQueries",
                      .body = json::object{{"targetCondition", arguments.text("target-condition")},
                                           {"customMetricQueries", std::move(metrics)}}});
}

Result<json::value> effect(Context& context) {
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.path = path_of_configuration(context.arguments()) + "/effect", .body = {}});
}

std::function<Outcome(Context&)> answer(Result<json::value> (*run)(Context&),
                                        std::vector<Column> shown = {}) {
    return [run, shown = std::move(shown)](Context& context) {
        return outcome_of(run(context), shown);
    };
}

std::vector<Option> metric_options() {
    return {{.name = "metrics",
             .other_names = "-m",
             .about = "JSON object with queries: {\"queries\":{\"m1\":\"select ...\"}}"},
            {.name = "custom-metric-queries",
             .other_names = "--cmq",
             .about = "The same as NAME=QUERY",
             .takes = Takes::many}};
}

Option condition_option() {
    return {.name = "target-condition",
            .other_names = "--tc,-t",
            .about = "Which devices: tags.site = 'north' (docs/configurations.md); empty = none"};
}

Option yes_option() {
    return {.name = "yes",
            .other_names = "-y",
            .about = "Every device of the hub is meant, should the condition be *",
            .takes = Takes::none};
}

}  // namespace

std::vector<Command> configuration_commands() {
    const Option id{
        .name = "config-id", .other_names = "-c", .about = "The configuration", .required = true};
    std::vector<Option> create_options{
        id,
        {.name = "content",
         .other_names = "-k",
         .about = "What to set: {\"deviceContent\":{\"properties.desired.a\":1}}, or a file",
         .required = true},
        condition_option(),
        {.name = "priority",
         .other_names = "--pri",
         .about = "The highest wins where several set the same",
         .fallback = "0"},
        {.name = "labels", .other_names = "--lab", .about = "JSON object of texts"},
        {.name = "custom-labels",
         .other_names = "--cl",
         .about = "The same as NAME=VALUE",
         .takes = Takes::many}};
    std::ranges::move(metric_options(), std::back_inserter(create_options));
    create_options.push_back(yes_option());
    std::vector<Option> update_options{id, etag_option(), yes_option()};
    std::ranges::move(generic_update_options(), std::back_inserter(update_options));
    std::vector<Option> test_options{condition_option()};
    std::ranges::move(metric_options(), std::back_inserter(test_options));

    std::vector<Command> commands;
    commands.push_back({.words = "configuration create",
                        .about = "Sets desired properties of all devices that meet a condition",
                        .options = std::move(create_options),
                        .run = answer(create, columns)});
    commands.push_back({.words = "configuration show",
                        .about = "One configuration with its metrics",
                        .options = {id},
                        .run = answer(show, columns)});
    commands.push_back({.words = "configuration list",
                        .about = "Configurations of the hub",
                        .options = {top_option("")},
                        .run = answer(list, columns)});
    commands.push_back({.words = "configuration update",
                        .about = "Changes condition, priority, labels or metrics",
                        .options = std::move(update_options),
                        .run = answer(update, columns)});
    commands.push_back({.words = "configuration delete",
                        .about = "Removes a configuration",
                        .options = {id, etag_option()},
                        .run = answer(remove)});
    commands.push_back(
        {.words = "configuration show-metric",
         .about = "Asks the fleet what a metric of a configuration counts",
         .options =
             {id,
              {.name = "metric-id", .other_names = "-m", .about = "The metric", .required = true},
              {.name = "metric-type",
               .other_names = "--mt",
               .about = "Whose metric it is",
               .fallback = "user",
               .choices = "system|user"}},
         .run = answer(show_metric)});
    commands.push_back({.words = "configuration test",
                        .about = "Checks a condition and metrics without keeping them",
                        .options = std::move(test_options),
                        .run = answer(test)});
    commands.push_back({.words = "configuration effect",
                        .about = "How the devices of a configuration stand, and what it overlaps",
                        .options = {id},
                        .run = answer(effect)});
    return commands;
}

}  // namespace twinhub::apps::cli

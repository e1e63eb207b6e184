#include "apps/cli/entity.h"

#include "base/encoding.h"

#include <fmt/format.h>

#include <charconv>

namespace twinhub::apps::cli {
namespace {

// The query of `device-twin list`. Errors: argument_invalid.
Result<std::string> selection_of(const Arguments& arguments) {
    std::string given = arguments.text("query");
    const bool edge = arguments.flag("edge-enabled");
    if (equals_ignoring_case(std::string_view(given).substr(0, 6), "select")) {
        if (edge)
            return failure(Code::argument_invalid,
                           "--edge-enabled goes with a condition, not with a whole query");
        return given;
    }
    std::string text = "select * from devices";
    if (edge) text += " where capabilities.iotEdge = true";
    if (!given.empty()) text += (edge ? " and (" : " where (") + given + ")";
    return text;
}

}  // namespace

const std::vector<Column> twin_columns{{"DeviceId", "deviceId"},
                                       {"ModuleId", "moduleId"},
                                       {"Status", "status"},
                                       {"ConnectionState", "connectionState"},
                                       {"LastActivityTime", "lastActivityTime"},
                                       {"Version", "version"},
                                       {"IotEdge", "capabilities.iotEdge"}};
const std::vector<Column> identity_columns{{"DeviceId", "deviceId"},
                                           {"ModuleId", "moduleId"},
                                           {"Status", "status"},
                                           {"ConnectionState", "connectionState"},
                                           {"Authentication", "authentication.type"},
                                           {"IotEdge", "capabilities.iotEdge"},
                                           {"DeviceScope", "deviceScope"}};

Option device_option() {
    return {.name = "device-id", .other_names = "-d", .about = "The device", .required = true};
}
Option module_option() {
    return {
        .name = "module-id", .other_names = "-m", .about = "The module of it", .required = true};
}
Option etag_option() {
    return {.name = "etag",
            .other_names = "-e",
            .about = "Only if it still has this etag",
            .fallback = "*"};
}
Option top_option(std::string fallback) {
    return {.name = "top", .about = "At most so many; -1 = all", .fallback = std::move(fallback)};
}
Option edge_option(std::string about) {
    return {.name = "edge-enabled",
            .other_names = "--ee",
            .about = std::move(about),
            .takes = Takes::flag};
}

std::string path_of(std::string_view collection, const std::string& device,
                    const std::string& module) {
    std::string path = fmt::format("/{}/{}", collection, percent_encode(device));
    if (!module.empty()) path += "/modules/" + percent_encode(module);
    return path;
}

std::string path_of(std::string_view collection, const Arguments& arguments) {
    return path_of(collection, arguments.text("device-id"), arguments.text("module-id"));
}

std::string quoted(const std::string& etag) {
    return etag.starts_with('"') ? etag : '"' + etag + '"';
}

Result<std::uint64_t> number_of(const Arguments& arguments, const std::string& name,
                                std::uint64_t min, std::uint64_t max) {
    const std::string text = arguments.text(name);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < min || number > max)
        return failure(
            Code::argument_invalid,
            fmt::format("--{} is a number from {} to {}, not '{}'", name, min, max, text));
    return number;
}

Result<std::uint64_t> top_of(const Arguments& arguments) {
    const std::string text = arguments.text("top");
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == 0 || number < -1)
        return failure(Code::argument_invalid,
                       fmt::format("--top is a number from 1, or -1 for all, not '{}'", text));
    return number == -1 ? 0 : static_cast<std::uint64_t>(number);
}

Result<std::uint64_t> top_or_all(const Arguments& arguments) {
    return arguments.has("top") ? top_of(arguments) : Result<std::uint64_t>(0);
}

Option selection_option() {
    return {.name = "query",
            .about =
                "Which of them: a condition of the query language (tags.site = 'north'), or a "
                "whole SELECT * FROM devices"};
}

Outcome list_twins(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_of(arguments);
    if (!top) return outcome_of(top.error());
    const auto text = selection_of(arguments);
    if (!text) return outcome_of(text.error());
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto twins = (*hub)->query({.text = *text, .top = *top});
    if (!twins) return outcome_of(twins.error());
    return Outcome::of(std::move(*twins), twin_columns);
}

Option where_option() {
    return {.name = "where",
            .other_names = "-w",
            .about = "Condition on the devices: tags.site = 'north' (docs/queries.md)"};
}

std::string with_parameters(std::string path,
                            const std::vector<std::pair<std::string, std::string>>& all) {
    char separator = '?';
    for (const auto& [name, value] : all) {
        if (value.empty()) continue;
        path += separator + name + '=' + percent_encode(value);
        separator = '&';
    }
    return path;
}

}  // namespace twinhub::apps::cli

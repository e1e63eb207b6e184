#include "apps/cli/generic_update.h"

#include "apps/keys/secret_file.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

namespace twinhub::apps::cli {
namespace {

auto refuse(std::string message) { return failure(Code::argument_invalid, std::move(message)); }

// "a.b[0].c" as its steps; an index step keeps its brackets off and is marked.
struct Step {
    std::string name;
    std::optional<std::size_t> index;
};

Result<std::vector<Step>> parse_path(std::string_view path) {
    std::vector<Step> steps;
    std::string_view rest = path;
    while (!rest.empty()) {
        if (rest.starts_with('[')) {
            std::size_t index = 0;
            const auto [end, error] =
                std::from_chars(rest.data() + 1, rest.data() + rest.size(), index);
            if (error != std::errc{} || end == rest.data() + rest.size() || *end != ']')
                return refuse(
                    fmt::format("'{}' is not a path: after '[' comes an index and ']'", path));
            rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
            steps.push_back({{}, index});
        } else {
            const std::size_t end = std::min(rest.find_first_of(".["), rest.size());
            if (end == 0) return refuse(fmt::format("'{}' is not a path: a name is missing", path));
            steps.push_back({std::string(rest.substr(0, end)), std::nullopt});
            rest.remove_prefix(end);
        }
        if (rest.starts_with('.')) {
            rest.remove_prefix(1);
            if (rest.empty())
                return refuse(fmt::format("'{}' is not a path: a name is missing", path));
        }
    }
    if (steps.empty()) return refuse("a path is missing");
    return steps;
}

json::value read_value(const std::string& text, bool force_string) {
    if (!force_string)
        if (auto value = parse_json(text)) return *value;
    return json::value(text);
}

// The place that the steps name; objects on the way are made when `make` is set.
Result<json::value*> walk(json::value& document, std::span<const Step> steps, bool make,
                          std::string_view path) {
    json::value* at = &document;
    for (const Step& step : steps) {
        if (step.index) {
            if (!at->is_array() || *step.index >= at->get_array().size())
                return refuse(fmt::format("'{}' leads to no item of a list", path));
            at = &at->get_array()[*step.index];
            continue;
        }
        if (at->is_null() && make) at->emplace_object();
        if (!at->is_object())
            return refuse(fmt::format("'{}' leads into something that is not an object", path));
        json::value* next = at->get_object().if_contains(step.name);
        if (!next && !make) return refuse(fmt::format("'{}' is not there", path));
        at = next ? next : &at->get_object()[step.name];
    }
    return at;
}

Result<> set(json::value& document, const std::string& text, bool force_string) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
        return refuse(fmt::format("--set takes path=value, not '{}'", text));
    const std::string path = text.substr(0, equals);
    TRY(const std::vector<Step> steps, parse_path(path));
    TRY(json::value* const place, walk(document, steps, true, path));
    *place = read_value(text.substr(equals + 1), force_string);
    return {};
}

Result<> add(json::value& document, const std::vector<std::string>& words, bool force_string) {
    if (words.size() < 2)
        return refuse("--add takes the path of a list and a value, or key=value pairs");
    TRY(const std::vector<Step> steps, parse_path(words[0]));
    TRY(json::value* const place, walk(document, steps, true, words[0]));
    if (place->is_null()) place->emplace_array();
    if (!place->is_array()) return refuse(fmt::format("'{}' is not a list", words[0]));
    json::object pairs;
    for (const std::string& word : std::span(words).subspan(1)) {
        const std::size_t equals = word.find('=');
        const bool is_pair = equals != std::string::npos && equals > 0 && !word.starts_with('{') &&
                             !word.starts_with('[') && !word.starts_with('"');
        if (is_pair)
            pairs[word.substr(0, equals)] = read_value(word.substr(equals + 1), force_string);
        else place->get_array().push_back(read_value(word, force_string));
    }
    if (!pairs.empty()) place->get_array().push_back(std::move(pairs));
    return {};
}

Result<> remove(json::value& document, const std::vector<std::string>& words) {
    if (words.empty() || words.size() > 2)
        return refuse("--remove takes a path, or the path of a list and an index");
    const std::string path =
        words.size() == 2 ? fmt::format("{}[{}]", words[0], words[1]) : words[0];
    TRY(const std::vector<Step> steps, parse_path(path));
    TRY(json::value* const parent,
        walk(document, std::span(steps).first(steps.size() - 1), false, path));
    TRY(json::value* const place, walk(document, steps, false, path));
    if (!steps.back().index) {
        parent->get_object().erase(steps.back().name);
    } else {
        parent->get_array().erase(place);
    }
    return {};
}

}  // namespace

std::vector<Option> generic_update_options() {
    return {
        {.name = "set", .about = "path=value, any number", .takes = Takes::many},
        {.name = "add",
         .about = "Path of a list, then values or key=value pairs",
         .takes = Takes::many},
        {.name = "remove", .about = "Path, or path of a list and an index", .takes = Takes::many},
        {.name = "force-string",
         .about = "Values of --set and --add are words, never JSON",
         .takes = Takes::flag}};
}

bool has_generic_updates(const Arguments& arguments) {
    return arguments.has("set") || arguments.has("add") || arguments.has("remove");
}

Result<> apply_generic_updates(json::value& document, const Arguments& arguments) {
    const bool force_string = arguments.flag("force-string");
    for (const std::string& text : arguments.list("set"))
        TRY_VOID(set(document, text, force_string));
    if (arguments.has("add")) TRY_VOID(add(document, arguments.list("add"), force_string));
    if (arguments.has("remove")) TRY_VOID(remove(document, arguments.list("remove")));
    return {};
}

Result<json::value> read_json_argument(const std::string& name, const std::string& text) {
    std::string body = text;
    std::error_code ignored;
    const bool looks_inline = text.starts_with('{') || text.starts_with('[') || text.size() > 4096;
    if (!looks_inline && std::filesystem::is_regular_file(text, ignored)) {
        TRY(body, read_file(text));
    }
    auto value = parse_json(body);
    if (!value)
        return refuse(fmt::format("--{} is neither JSON nor the path of a file with it: {}", name,
                                  value.error().message));
    return value;
}

Result<json::object> read_object_argument(const std::string& name, const std::string& text) {
    TRY(json::value value, read_json_argument(name, text));
    if (!value.is_object()) return refuse(fmt::format("--{} must be a JSON object", name));
    return std::move(value.get_object());
}

}  // namespace twinhub::apps::cli

#include "hub/series/series_names.h"

#include "base/json.h"
#include "query/compile.h"

#include <algorithm>
#include <cmath>

namespace twinhub::hub {
namespace {

constexpr std::size_t name_bytes_max = 256;
constexpr double whole_max =
    9007199254740992.0;  // beyond, doubles are not whole numbers one by one

std::unexpected<Error> no_path(std::string_view text) {
    return failure(
        Code::argument_invalid,
        "'" + std::string(text) + "' is no path below tags or properties, as tags.site is one");
}

}  // namespace

Result<SeriesPath> SeriesPath::parse(std::string_view text) {
    std::string path(text);
    for (const std::string_view part : {"desired.", "reported."})
        if (path.starts_with(part)) path.insert(0, "properties.");
    const auto plan = query::compile("SELECT " + path + " AS k FROM devices");
    if (!plan || plan->items.size() != 1 || plan->items[0].aggregate != query::Aggregate::none ||
        plan->where || plan->as_of || plan->explain != query::Explain::no)
        return no_path(text);
    return of(plan->paths[plan->items[0].path]);
}

Result<SeriesPath> SeriesPath::of(const query::Path& path) {
    SeriesPath made;
    for (const query::Segment& segment : path.segments) {
        const auto* key = std::get_if<std::string>(&segment);
        if (key == nullptr) return no_path(made.text + "[]");
        made.text += (made.text.empty() ? "" : ".") + *key;
        made.keys.push_back(*key);
    }
    std::size_t above = 1;
    if (made.keys.size() > 1 && made.keys[0] == "properties") {
        above = 2;
        if (made.keys[1] == "desired") made.part = Part::desired;
        else if (made.keys[1] == "reported") made.part = Part::reported;
        else return no_path(made.text);
    } else if (made.keys.empty() || made.keys[0] != "tags") {
        return no_path(made.text);
    }
    if (made.keys.size() <= above || made.keys[above].starts_with('$')) return no_path(made.text);
    made.keys.erase(made.keys.begin(), made.keys.begin() + static_cast<std::ptrdiff_t>(above));
    return made;
}

const twin::Node& SeriesPath::root(const twin::Twin& twin) const {
    if (part == Part::tags) return twin.tags;
    return part == Part::desired ? twin.desired : twin.reported;
}

query::Value SeriesPath::value(const twin::Twin& twin) const {
    const twin::Node* node = &root(twin);
    for (const std::string& key : keys) {
        node = node->find(key);
        if (node == nullptr) return {};
    }
    return node->is_object() ? query::Value::object_mark() : query::Value::of(node->leaf());
}

Result<std::vector<SeriesPath>> series_paths(const SeriesSettings& settings) {
    if (settings.by.size() > series_paths_max)
        return failure(Code::argument_invalid, "The series is kept by at most " +
                                                   std::to_string(series_paths_max) + " paths");
    std::vector<SeriesPath> paths;
    for (const std::string& text : settings.by) {
        TRY(SeriesPath path, SeriesPath::parse(text));
        if (std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
    }
    return paths;
}

std::optional<std::string> series_name(const query::Value& value) {
    std::string name;
    switch (value.type()) {
        case query::Type::null: return "null";
        case query::Type::boolean: return value.boolean() ? "true" : "false";
        case query::Type::number:
            if (const double number = value.number();
                std::trunc(number) == number && std::abs(number) <= whole_max)
                append_json_number(name, static_cast<std::int64_t>(number));
            else append_json_number(name, number);
            return name;
        case query::Type::string:
            append_json_string(name, value.string());
            if (name.size() > name_bytes_max) return std::nullopt;
            return name;
        case query::Type::undefined:
        case query::Type::array:
        case query::Type::object: break;
    }
    return std::nullopt;
}

SeriesNames::SeriesNames(std::vector<SeriesPath> paths)
    : paths_(std::move(paths)), names_(paths_.size()) {}

SeriesNames::Group SeriesNames::Names::add(std::string name) {
    if (list.size() >= series_values_max) return rest;
    const auto group = static_cast<Group>(named + list.size());
    list.push_back(name);
    groups.emplace(std::move(name), group);
    return group;
}

void SeriesNames::keep(std::size_t path, std::string name) {
    const std::scoped_lock lock(mutex_);
    if (!names_[path].groups.contains(name)) names_[path].add(std::move(name));
}

SeriesNames::Group SeriesNames::group_of(std::size_t path, const query::Value& value) {
    if (value.is(query::Type::undefined)) return missing;
    std::optional<std::string> name = series_name(value);
    if (!name) return rest;
    const std::scoped_lock lock(mutex_);
    Names& names = names_[path];
    if (const auto known = names.groups.find(*name); known != names.groups.end())
        return known->second;
    return names.add(std::move(*name));
}

std::vector<std::string> SeriesNames::names(std::size_t path) const {
    const std::scoped_lock lock(mutex_);
    return names_[path].list;
}

}  // namespace twinhub::hub

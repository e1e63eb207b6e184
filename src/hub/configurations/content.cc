#include "hub/configurations/content.h"

#include "base/ids.h"
#include "twin/node.h"
#include "twin/rules.h"
#include "twin/twin.h"

#include <algorithm>
#include <array>
#include <set>

namespace twinhub::hub {
namespace {

constexpr std::string_view root = "properties.desired";
constexpr std::string_view agent = "$edgeAgent";
constexpr std::size_t modules_max = 100;

std::unexpected<Error> invalid(std::string message, std::string where) {
    return failure(Code::configuration_content_invalid, std::move(message), std::move(where));
}

// The keys behind "properties.desired"; nothing when the place is another one.
std::optional<std::vector<std::string>> keys_of(std::string_view place) {
    if (!place.starts_with(root)) return std::nullopt;
    place.remove_prefix(root.size());
    std::vector<std::string> keys;
    while (!place.empty()) {
        if (place.front() != '.') return std::nullopt;
        place.remove_prefix(1);
        const std::size_t dot = std::min(place.find('.'), place.size());
        if (dot == 0) return std::nullopt;
        keys.emplace_back(place.substr(0, dot));
        place.remove_prefix(dot);
    }
    return keys;
}

Result<Setting> read_setting(std::string_view place, const json::value& value,
                             const std::string& where) {
    auto keys = keys_of(place);
    if (!keys)
        return invalid("A content names properties.desired or a place below it: '" +
                           twin::shown(place) + "' is another one",
                       where);
    if (keys->empty() && !value.is_object())
        return invalid("properties.desired must be an object", where + "." + std::string(root));
    // The rules of a twin are those of an object that has the value in its place.
    json::object nested;
    json::value* at = nullptr;
    for (const std::string& key : *keys) {
        json::object& parent = at == nullptr ? nested : at->emplace_object();
        at = &parent[key];
    }
    if (at == nullptr) nested = value.get_object();
    else *at = value;
    if (auto checked =
            twin::check_values(nested, where + "." + std::string(root), twin::Nulls::kept);
        !checked)
        return invalid(checked.error().message, checked.error().where);
    Setting setting{std::move(*keys), {}};
    if (setting.keys.empty()) {
        setting.value = std::move(nested);
        return setting;
    }
    json::object* parent = &nested;
    for (std::size_t i = 0; i + 1 < setting.keys.size(); ++i)
        parent = &parent->at(setting.keys[i]).get_object();
    setting.value = std::move(parent->at(setting.keys.back()));
    return setting;
}

Result<TwinSettings> read_settings(const json::value& value, const std::string& where) {
    if (!value.is_object()) return invalid("The content must be an object", where);
    TwinSettings settings;
    std::size_t size = 0;
    for (const auto& [place, wanted] : value.get_object()) {
        TRY(Setting setting, read_setting({place.data(), place.size()}, wanted, where));
        size += twin::value_size(setting.value);
        settings.push_back(std::move(setting));
    }
    const std::size_t size_max = twin::size_max_of(twin::Part::desired);
    if (size > size_max)
        return invalid("No twin has room for it: desired properties have at most " +
                           std::to_string(size_max) + " characters",
                       where);
    std::ranges::sort(settings, {}, &Setting::keys);
    return settings;
}

Result<> read_modules(const json::value& value, const std::string& where, Content& content) {
    if (!value.is_object()) return invalid("The content must be an object", where);
    for (const auto& [name, settings] : value.get_object()) {
        const std::string below = where + "." + std::string(name);
        if (!ModuleId::parse({name.data(), name.size()}))
            return invalid("This is no id of a module", below);
        TRY(content.modules[std::string(name)], read_settings(settings, below));
    }
    if (content.modules.size() > modules_max)
        return invalid("A deployment has at most " + std::to_string(modules_max) + " modules",
                       where);
    if (!content.modules.contains(agent))
        return invalid("A deployment says what $edgeAgent is to do", where);
    for (const std::string& id : content.module_ids())
        if (!ModuleId::parse(id)) return invalid("$edgeAgent is to start what is no module", where);
    return {};
}

// The names below properties.desired.modules.
void add_started(const Setting& setting, std::set<std::string>& names) {
    const json::value* modules = nullptr;
    if (setting.keys.empty()) modules = setting.value.get_object().if_contains("modules");
    else if (setting.keys.front() != "modules") return;
    else if (setting.keys.size() > 1) {
        if (!setting.value.is_null()) names.insert(setting.keys[1]);
        return;
    } else modules = &setting.value;
    if (modules == nullptr || !modules->is_object()) return;
    for (const auto& [name, value] : modules->get_object())
        if (!value.is_null()) names.insert(std::string(name));
}

}  // namespace

std::string_view name_of(ContentKind kind) {
    switch (kind) {
        case ContentKind::device: return "deviceContent";
        case ContentKind::module: return "moduleContent";
        case ContentKind::edge: break;
    }
    return "modulesContent";
}

bool Content::is_layered() const {
    const auto found = modules.find(agent);
    return found != modules.end() &&
           std::ranges::none_of(found->second,
                                [](const Setting& setting) { return setting.keys.empty(); });
}

std::vector<std::string> Content::module_ids() const {
    std::set<std::string> names;
    for (const auto& [name, ignored] : modules) names.insert(name);
    if (const auto found = modules.find(agent); found != modules.end())
        for (const Setting& setting : found->second) add_started(setting, names);
    return {names.begin(), names.end()};
}

Result<Content> parse_content(const json::object& content) {
    Content read;
    const json::value* found = nullptr;
    for (const ContentKind kind : {ContentKind::device, ContentKind::module, ContentKind::edge}) {
        const json::value* value = content.if_contains(name_of(kind));
        if (value == nullptr || value->is_null()) continue;
        if (found != nullptr)
            return invalid("A content has one of deviceContent, moduleContent and modulesContent",
                           "content");
        found = value;
        read.kind = kind;
    }
    if (found == nullptr)
        return invalid("A content has deviceContent, moduleContent or modulesContent", "content");
    const std::string where = "content." + std::string(name_of(read.kind));
    if (read.kind == ContentKind::edge) {
        TRY_VOID(read_modules(*found, where, read));
    } else {
        TRY(read.settings, read_settings(*found, where));
    }
    read.source[name_of(read.kind)] = *found;
    return read;
}

std::string place_of(const Setting& setting) {
    std::string place(root);
    for (const std::string& key : setting.keys) place += '.' + key;
    return place;
}

bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::equal(a.begin(),
                      a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())),
                      b.begin());
}

}  // namespace twinhub::hub

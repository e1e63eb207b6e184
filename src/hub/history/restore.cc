#include "hub/history/restore.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

Result<std::vector<std::string_view>> keys_of(std::string_view path) {
    std::vector<std::string_view> keys;
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('.', begin), path.size());
        keys.push_back(path.substr(begin, end - begin));
        if (keys.back().empty())
            return failure(Code::argument_invalid,
                           "'" + std::string(path) + "' is not a path of keys with dots between",
                           "paths");
        begin = end + 1;
    }
    return keys;
}

const json::value* value_at(const json::object& root, const std::vector<std::string_view>& keys) {
    const json::object* object = &root;
    const json::value* value = nullptr;
    for (const std::string_view key : keys) {
        if (object == nullptr) return nullptr;
        value = object->if_contains(key);
        if (value == nullptr) return nullptr;
        object = value->if_object();
    }
    return value;
}

// Puts what `then` has at the path into `target`, which held what is now.
void take_over(json::object& target, const json::object& then,
               const std::vector<std::string_view>& keys) {
    const json::value* const was = value_at(then, keys);
    json::object* object = &target;
    for (std::size_t i = 0; i + 1 < keys.size(); ++i) {
        json::value* next = object->if_contains(keys[i]);
        if (was == nullptr && (next == nullptr || !next->is_object())) return;  // nothing to remove
        if (next == nullptr || !next->is_object()) {
            (*object)[keys[i]] = json::object{};
            next = object->if_contains(keys[i]);
        }
        object = &next->get_object();
    }
    if (was != nullptr) (*object)[keys.back()] = *was;
    else object->erase(keys.back());
}

Result<std::optional<twin::Patch>> part_patch(const twin::Twin& now, const twin::Twin& then,
                                              twin::Part part,
                                              const std::vector<std::string>& paths) {
    const json::value current = now.part(part).to_json();
    const json::value former = then.part(part).to_json();
    json::object target = paths.empty() ? former.get_object() : current.get_object();
    for (const std::string& path : paths) {
        TRY(const auto keys, keys_of(path));
        take_over(target, former.get_object(), keys);
    }
    json::object patch = merge_patch_between(current.get_object(), target);
    if (patch.empty()) return std::optional<twin::Patch>{};
    TRY(twin::Patch checked, twin::Patch::check(std::move(patch), part, twin::Patch::Mode::merge));
    return std::optional<twin::Patch>(std::move(checked));
}

}  // namespace

json::object merge_patch_between(const json::object& from, const json::object& to) {
    json::object patch;
    for (const auto& [key, value] : from)
        if (!to.contains(key)) patch[key] = nullptr;
    for (const auto& [key, value] : to) {
        const json::value* const was = from.if_contains(key);
        if (was != nullptr && *was == value) continue;
        if (was != nullptr && was->is_object() && value.is_object())
            patch[key] = merge_patch_between(was->get_object(), value.get_object());
        else patch[key] = value;
    }
    return patch;
}

Result<twin::ServiceUpdate> restoring_update(const twin::Twin& now, const twin::Twin& then,
                                             const RestoreScope& scope) {
    twin::ServiceUpdate update;
    if (scope.tags) {
        TRY(update.tags, part_patch(now, then, twin::Part::tags, scope.paths));
    }
    if (scope.desired) {
        TRY(update.desired, part_patch(now, then, twin::Part::desired, scope.paths));
    }
    return update;
}

}  // namespace twinhub::hub

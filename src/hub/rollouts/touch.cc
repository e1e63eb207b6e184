#include "hub/rollouts/touch.h"

#include "base/json_members.h"
#include "hub/history/restore.h"
#include "hub/rollouts/members.h"
#include "twin/drift/paths.h"

#include <algorithm>
#include <span>

namespace twinhub::hub {
namespace {

using twin::Part;
using Keys = twin::drift::Keys;

constexpr std::string_view desired_prefix = "properties.desired.";
constexpr std::size_t paths_max = 1000;

std::unexpected<Error> refused(std::string message, std::string where) {
    return failure(Code::argument_invalid, std::move(message), std::move(where));
}

// RFC 7396.
void merge_into(json::object& target, const json::object& patch) {
    for (const auto& [key, value] : patch) {
        if (value.is_null()) {
            target.erase(key);
        } else if (value.is_object()) {
            json::value& below = target[key];
            if (!below.is_object()) below.emplace_object();
            merge_into(below.get_object(), value.get_object());
        } else {
            target[key] = value;
        }
    }
}

// The object at the path, which is made where it is not one.
json::object& object_at(json::object& root, std::span<const std::string_view> keys) {
    json::object* object = &root;
    for (const std::string_view key : keys) {
        json::value& below = (*object)[key];
        if (!below.is_object()) below.emplace_object();
        object = &below.get_object();
    }
    return *object;
}

// Leaves of what is to be written, as drift names them; a null has none.
void collect_leaves(const json::value& value, std::string& path, std::size_t depth,
                    std::vector<std::string>& out, bool with_removals) {
    const json::object* const object = value.if_object();
    if (object == nullptr || object->empty()) {
        if (with_removals || !value.is_null()) out.push_back(path);
        return;
    }
    for (const auto& [key, below] : *object) {
        const std::size_t length = path.size();
        twin::drift::append_key(path, depth, key);
        collect_leaves(below, path, depth + 1, out, with_removals);
        path.resize(length);
    }
}

// Compares before with after along the patch between them.
class LeafWalk {
public:
    LeafWalk(Part part, std::vector<ChangedLeaf>& out) : part_(part), out_(out) {}

    void walk(const json::object& patch, const json::object& before, const json::object& after,
              std::size_t depth) {
        for (const auto& [key, value] : patch) {
            const std::size_t length = path_.size();
            twin::drift::append_key(path_, depth, key);
            const json::value* const was = before.if_contains(key);
            const json::value* const is = after.if_contains(key);
            if (value.is_object() && was != nullptr && was->is_object() && is != nullptr &&
                is->is_object())
                walk(value.get_object(), was->get_object(), is->get_object(), depth + 1);
            else if (was == nullptr && is != nullptr) all_new(*is, depth + 1, depth);
            else put(was, is, depth);
            path_.resize(length);
        }
    }

private:
    void all_new(const json::value& is, std::size_t depth, std::size_t kept) {
        const json::object* const object = is.if_object();
        if (object == nullptr || object->empty()) return put(nullptr, &is, kept);
        for (const auto& [key, below] : *object) {
            const std::size_t length = path_.size();
            twin::drift::append_key(path_, depth, key);
            all_new(below, depth + 1, kept);
            path_.resize(length);
        }
    }
    void put(const json::value* was, const json::value* is, std::size_t kept) {
        ChangedLeaf leaf{.part = part_, .path = path_, .kept = static_cast<std::uint32_t>(kept)};
        if (was != nullptr) leaf.before = *was;
        if (is != nullptr) leaf.after = *is;
        out_.push_back(std::move(leaf));
    }

    Part part_;
    std::vector<ChangedLeaf>& out_;
    std::string path_;
};

Result<std::optional<twin::Patch>> checked(json::object patch, Part part) {
    if (patch.empty()) return std::optional<twin::Patch>{};
    TRY(twin::Patch made, twin::Patch::check(std::move(patch), part, twin::Patch::Mode::merge));
    return std::optional<twin::Patch>(std::move(made));
}

Result<std::optional<twin::Patch>> step_of_part(const json::object& before,
                                                const json::object& after, Part part,
                                                std::vector<ChangedLeaf>& leaves) {
    json::object patch = merge_patch_between(before, after);
    LeafWalk(part, leaves).walk(patch, before, after, 0);
    return checked(std::move(patch), part);
}

// What stands at a path: a value, nothing, or something in the way of it.
struct Found {
    const json::value* value = nullptr;
    bool is_blocked = false;
};
Found find(const json::object& root, const Keys& keys) {
    const json::object* object = &root;
    const json::value* value = nullptr;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        value = object->if_contains(keys[i]);
        if (value == nullptr) return {};
        if (i + 1 == keys.size()) break;
        object = value->if_object();
        if (object == nullptr) return {nullptr, true};
    }
    return {value, false};
}

void put_back(json::object& root, const Keys& keys, const ChangedLeaf& leaf) {
    const std::span<const std::string_view> all(keys);
    if (leaf.before) {
        object_at(root, all.first(keys.size() - 1))[keys.back()] = *leaf.before;
        return;
    }
    object_at(root, all.first(keys.size() - 1)).erase(keys.back());
    // Parents that came with the value go with it, unless somebody has put something else there.
    for (std::size_t depth = keys.size() - 1; depth > leaf.kept; --depth) {
        if (!object_at(root, all.first(depth)).empty()) return;
        object_at(root, all.first(depth - 1)).erase(keys[depth - 1]);
    }
}

}  // namespace

Result<Touch> Touch::of(const std::optional<json::object>& patch,
                        const std::optional<json::object>& content) {
    Touch touch;
    std::string path;
    if (patch) {
        TRY_VOID(check_members(*patch, {"tags", "properties"}, "patch"));
        TRY(const json::object* properties, object_member(*patch, "properties"));
        if (properties != nullptr) {
            TRY_VOID(check_members(*properties, {"desired"}, "patch.properties"));
        }
        auto update = twin::parse_service_update(*patch, twin::Kind::patch);
        if (!update) return refused(update.error().message, "patch." + update.error().where);
        for (const auto* part : {&update->tags, &update->desired})
            if (*part && (*part)->mode() != twin::Patch::Mode::merge)
                return refused("A rollout does not clear a whole part", "patch");
        if (update->tags && !update->tags->body().empty()) touch.tags_ = update->tags->body();
        if (update->desired && !update->desired->body().empty())
            touch.desired_ = update->desired->body();
        if (!touch.tags_ && !touch.desired_)
            return refused(
                "The patch changes nothing: it has neither tags nor "
                "properties.desired",
                "patch");
        if (touch.tags_) {
            path = "tags";
            collect_leaves(*touch.tags_, path, 1, touch.paths_, true);
        }
        if (touch.desired_) {
            path = "properties.desired";
            collect_leaves(*touch.desired_, path, 2, touch.paths_, true);
            path.clear();
            collect_leaves(*touch.desired_, path, 0, touch.desired_paths_, false);
        }
    }
    if (content) {
        TRY_VOID(check_members(*content, {"deviceContent", "moduleContent"}, "content"));
        TRY(const json::object* device, object_member(*content, "deviceContent"));
        TRY(const json::object* module, object_member(*content, "moduleContent"));
        if ((device == nullptr) == (module == nullptr))
            return refused("The content of a rollout is deviceContent or moduleContent", "content");
        touch.modules_ = module != nullptr;
        const json::object& settings = device != nullptr ? *device : *module;
        const std::string where =
            device != nullptr ? "content.deviceContent" : "content.moduleContent";
        if (settings.empty()) return refused("The content changes nothing", where);
        for (const auto& [name, value] : settings) {
            const std::string_view full = name;
            if (!full.starts_with(desired_prefix) || full.size() == desired_prefix.size())
                return refused("A content sets desired properties: properties.desired.fan.speed",
                               where + "." + std::string(full));
            if (value.is_null())
                return refused("A content sets values; null is for a patch",
                               where + "." + std::string(full));
            const std::string below(full.substr(desired_prefix.size()));
            json::object nested;
            const Keys keys = twin::drift::keys_of(below);
            object_at(nested, std::span(keys).first(keys.size() - 1))[keys.back()] = value;
            auto good =
                twin::Patch::check(std::move(nested), Part::desired, twin::Patch::Mode::replace);
            if (!good) return refused(good.error().message, good.error().where);
            for (const Setting& other : touch.settings_)
                if (twin::drift::is_at_or_below(below, other.path) ||
                    twin::drift::is_at_or_below(other.path, below))
                    return refused("Two settings of the content are one below the other: " +
                                       other.path + " and " + below,
                                   where);
            const Found clean = find(good->body(), keys);
            touch.settings_.push_back({below, *clean.value});
            path = below;
            collect_leaves(*clean.value, path, keys.size(), touch.desired_paths_, false);
            path = full;
            collect_leaves(*clean.value, path, keys.size() + 2, touch.paths_, false);
        }
    }
    if (touch.paths_.size() > paths_max)
        return refused("A rollout changes at most 1000 properties", patch ? "patch" : "content");
    return touch;
}

Result<Touch::Step> Touch::step(const twin::Twin& now) const {
    Step step;
    twin::ServiceUpdate update;
    if (tags_) {
        const json::value before = now.tags.to_json();
        json::object after = before.get_object();
        merge_into(after, *tags_);
        TRY(update.tags, step_of_part(before.get_object(), after, Part::tags, step.leaves));
    }
    if (desired_ || !settings_.empty()) {
        const json::value before = now.desired.to_json();
        json::object after = before.get_object();
        if (desired_) merge_into(after, *desired_);
        for (const Setting& setting : settings_) {
            const Keys keys = twin::drift::keys_of(setting.path);
            object_at(after, std::span(keys).first(keys.size() - 1))[keys.back()] = setting.value;
        }
        TRY(update.desired, step_of_part(before.get_object(), after, Part::desired, step.leaves));
    }
    if (update.tags || update.desired) step.update = std::move(update);
    return step;
}

Result<WayBack> way_back(const std::vector<ChangedLeaf>& leaves, const twin::Twin& now) {
    WayBack back;
    twin::ServiceUpdate update;
    for (const Part part : {Part::tags, Part::desired}) {
        const json::value current = now.part(part).to_json();
        json::object target = current.get_object();
        for (const ChangedLeaf& leaf : leaves) {
            if (leaf.part != part) continue;
            const Keys keys = twin::drift::keys_of(leaf.path);
            const Found found = find(current.get_object(), keys);
            const bool is_ours = !found.is_blocked &&
                                 (leaf.after ? found.value != nullptr && *found.value == *leaf.after
                                             : found.value == nullptr);
            if (!is_ours) {
                ++back.skipped;
                continue;
            }
            ++back.restored;
            put_back(target, keys, leaf);
        }
        TRY(auto patch, checked(merge_patch_between(current.get_object(), target), part));
        (part == Part::tags ? update.tags : update.desired) = std::move(patch);
    }
    if (update.tags || update.desired) back.update = std::move(update);
    return back;
}

}  // namespace twinhub::hub

#include "hub/jobs/job_targets.h"

#include "base/encoding.h"
#include "hub/hub.h"
#include "hub/record.h"
#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>

namespace twinhub::hub {
namespace {

constexpr std::size_t page_rows = 10'000;
const std::string budget_name = "system:jobs";

query::PathIndex path_of(query::Plan& plan, const char* name) {
    const query::Path path{.segments = {query::Segment(std::string(name))}};
    const auto found = std::ranges::find(plan.paths, path);
    if (found != plan.paths.end()) return static_cast<query::PathIndex>(found - plan.paths.begin());
    plan.paths.push_back(path);
    return static_cast<query::PathIndex>(plan.paths.size() - 1);
}

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// The row of a device has nothing but its id, whose characters need no escape.
std::optional<std::string_view> device_alone(std::string_view row) {
    constexpr std::string_view before = R"({"deviceId":")";
    constexpr std::string_view behind = R"("})";
    if (!row.starts_with(before) || !row.ends_with(behind)) return std::nullopt;
    row.remove_prefix(before.size());
    row.remove_suffix(behind.size());
    if (row.find_first_of("\"\\") != std::string_view::npos) return std::nullopt;
    return row;
}

Result<std::string> key_of(const std::string& row) {
    if (const auto device = device_alone(row)) {
        TRY(DeviceId id, DeviceId::parse(*device));
        return store::twin_key({std::move(id), {}});
    }
    TRY(const json::value parsed, parse_json(row));
    const json::object& object = parsed.as_object();
    const auto text = [&object](std::string_view name) -> std::string_view {
        const json::value* found = object.if_contains(name);
        return found && found->is_string() ? std::string_view(found->get_string())
                                           : std::string_view();
    };
    TwinId id;
    TRY(id.device, DeviceId::parse(text("deviceId")));
    if (const std::string_view module_text = text("moduleId"); !module_text.empty()) {
        TRY(id.module, ModuleId::parse(module_text));
    }
    return store::twin_key(id);
}

Result<> add_keys(const std::vector<std::string>& rows, std::vector<std::string>& keys) {
    for (const std::string& row : rows) {
        TRY(std::string key, key_of(row));
        keys.push_back(std::move(key));
    }
    return {};
}

}  // namespace

Result<std::shared_ptr<const query::Plan>> targets_plan(std::string_view condition,
                                                        const query::Options& options) {
    auto compiled =
        query::compile_condition(is_blank(condition) ? "*" : condition, query::Place::job, options);
    if (!compiled)
        return failure(Code::argument_invalid,
                       compiled.error().message + " (at character " +
                           std::to_string(compiled.error().offset + 1) + " of the condition)",
                       "queryCondition");
    auto plan = std::make_shared<query::Plan>(std::move(*compiled));
    plan->star = false;
    plan->items.push_back({.path = path_of(*plan, "deviceId"), .name = "deviceId"});
    if (plan->collection == query::Collection::modules)
        plan->items.push_back({.path = path_of(*plan, "moduleId"), .name = "moduleId"});
    return plan;
}

Task<Result<std::vector<std::string>>> twin_keys_of(Hub& hub,
                                                    std::shared_ptr<const query::Plan> plan) {
    std::vector<std::string> keys;
    std::string cursor;
    do {
        PageRequest request{.cursor = std::move(cursor),
                            .rows_max = page_rows,
                            .bytes_max = std::size_t{16} << 20,
                            .principal = budget_name};
        CO_TRY(QueryPage page, co_await hub.queries().run(plan, std::move(request)));
        CO_TRY_VOID(co_await hub.shards().off_loop<Result<>>(
            [&page, &keys] { return add_keys(page.rows, keys); }));
        cursor = std::move(page.cursor);
    } while (!cursor.empty());
    CO_TRY_VOID(co_await hub.shards().off_loop<Result<>>([&keys]() -> Result<> {
        std::ranges::sort(keys);
        const auto repeated = std::ranges::unique(keys);
        keys.erase(repeated.begin(), repeated.end());
        return {};
    }));
    co_return keys;
}

Result<std::vector<JobGroup>> groups_of(const store::Engine& engine, std::string_view job_id,
                                        std::span<const std::string> twin_keys,
                                        std::size_t devices_max) {
    std::vector<JobGroup> groups;
    if (twin_keys.empty()) return groups;
    // One walk beside the list: most identities between the first and the last are on it, or few
    // are; either way a seek is the dearer step.
    const auto cursor =
        engine.scan(store::Family::identities, store::Range{.from = twin_keys.front(), .to = {}});
    Slot slot = 0;
    Identity identity;
    constexpr int steps_max = 16;  // before a seek is cheaper
    cursor->seek_first();
    for (const std::string& key : twin_keys) {
        for (int steps = 0; cursor->valid() && cursor->key() < key; ++steps) {
            if (steps < steps_max) cursor->next();
            else cursor->seek(key);
        }
        if (!cursor->valid()) {
            TRY_VOID(cursor->status());
            break;
        }
        if (cursor->key() != key) continue;
        auto id = store::parse_twin_key(key);
        CHECK(id.has_value());
        TRY(const store::Opened opened, store::open(store::Kind::identity, identity_format,
                                                    "identities", key, cursor->value()));
        TRY_VOID(decode_identity_into(identity, opened.body));
        const Slot its_slot = slot_of(id->device);
        if (groups.empty() || its_slot != slot || groups.back().devices.size() >= devices_max) {
            groups.push_back({.key = job_group_key(job_id, *id)});
            slot = its_slot;
        }
        groups.back().devices.push_back(
            {.id = std::move(*id), .generation = identity.generation_id});
    }
    return groups;
}

}  // namespace twinhub::hub

#include "hub/rollouts/targets.h"

#include "base/json_members.h"
#include "hub/hub.h"
#include "hub/rollouts/touch.h"
#include "query/narrow.h"

#include <fmt/format.h>

namespace twinhub::hub {
namespace {

constexpr std::size_t page_rows = 500;  // read on a loop: about a millisecond

// The ids and what else a plan wants to know of whom `condition` selects.
query::Plan selecting(const query::Plan& condition) {
    const bool modules = condition.collection == query::Collection::modules;
    auto plan = query::compile(
        fmt::format("SELECT deviceId, {}connectionState, $drift.convergeSeconds FROM devices{}",
                    modules ? "moduleId, " : "", modules ? ".modules" : ""));
    CHECK(plan.has_value());
    query::narrow(*plan, condition);
    return std::move(*plan);
}

Task<Result<Selected>> select(Hub& hub, query::Plan condition, RolloutAsker asker) {
    const auto plan = std::make_shared<const query::Plan>(selecting(condition));
    Selected selected;
    std::string cursor;
    do {
        PageRequest request{.cursor = cursor,
                            .rows_max = page_rows,
                            .principal = asker.principal,
                            .wanted = asker.wanted};
        CO_TRY(const QueryPage page, co_await hub.queries().run(plan, std::move(request)));
        for (const std::string& row : page.rows) {
            CO_TRY(const json::value parsed, parse_json(row));
            TwinId id;
            CO_TRY(id.device, DeviceId::parse(text_in(parsed, "deviceId")));
            if (const std::string module = text_in(parsed, "moduleId"); !module.empty()) {
                CO_TRY(id.module, ModuleId::parse(module));
            }
            selected.ids.push_back(std::move(id));
            if (text_in(parsed, "connectionState") != "Connected") ++selected.offline;
            const json::value* const took = parsed.as_object().if_contains("convergeSeconds");
            if (took != nullptr && took->is_number())
                selected.converge_seconds.push_back(took->to_number<double>());
        }
        if (selected.ids.size() > hub.settings().rollouts.devices_max)
            co_return failure(Code::argument_invalid,
                              fmt::format("The target selects more than {} devices",
                                          hub.settings().rollouts.devices_max),
                              "target");
        cursor = page.cursor;
    } while (!cursor.empty());
    co_return selected;
}

}  // namespace

Task<Result<Selected>> select_target(Hub& hub, const RolloutDocument& document,
                                     RolloutAsker asker) {
    CO_TRY(query::Plan plan, target_plan(document, hub.settings().query_options));
    auto touch = Touch::of(document.patch, document.content);
    const bool modules = plan.collection == query::Collection::modules;
    if (document.content && touch && touch->is_for_modules() != modules)
        co_return failure(Code::argument_invalid,
                          modules ? "A target of modules wants a moduleContent"
                                  : "A target of devices wants a deviceContent",
                          "content");
    co_return co_await select(hub, std::move(plan), std::move(asker));
}

bool query_is_of_modules(const RolloutDocument& document, const Settings& settings) {
    const auto plan = target_plan(document, settings.query_options);
    return plan && plan->collection == query::Collection::modules;
}

Task<Result<std::vector<Assigned>>> deal_target(Hub& hub, const RolloutDocument& document,
                                                std::vector<TwinId> devices, RolloutAsker asker) {
    std::vector<std::unordered_set<TwinId>> members(document.waves.size());
    for (std::size_t wave = 0; wave < document.waves.size(); ++wave) {
        if (document.waves[wave].kind != Wave::Kind::where) continue;
        CO_TRY(query::Plan plan, wave_plan(document, wave, hub.settings().query_options));
        CO_TRY(Selected selected, co_await select(hub, std::move(plan), asker));
        members[wave].reserve(selected.ids.size());
        for (TwinId& id : selected.ids) members[wave].insert(std::move(id));
    }
    using Dealt = std::vector<Assigned>;
    auto work = [&document, &devices, &members] {
        return deal(document, std::move(devices), members);
    };
    co_return co_await hub.shards().off_loop<Dealt>(std::move(work));
}

}  // namespace twinhub::hub

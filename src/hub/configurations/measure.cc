// How many twins the metrics of configurations count, and what a configuration does in the fleet.
#include "base/json_members.h"
#include "hub/configurations/configurations.h"
#include "hub/hub.h"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>

namespace twinhub::hub {
namespace {

constexpr std::size_t page_rows = 1000;
constexpr std::size_t overlaps_max = 200;
const std::string own_principal = "system:configurations";

std::uint64_t number_in(std::string_view row, std::string_view name) {
    const auto parsed = parse_json(row);
    if (!parsed || !parsed->is_object()) return 0;
    const json::value* value = parsed->get_object().if_contains({name.data(), name.size()});
    return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

query::Collection collection_of(const Configuration& configuration) {
    return configuration.content.kind == ContentKind::device ? query::Collection::devices
                                                             : query::Collection::modules;
}

std::string_view from(const Configuration& configuration) {
    return collection_of(configuration) == query::Collection::devices ? " FROM devices"
                                                                      : " FROM devices.modules";
}

// Places that both set in one twin.
std::vector<std::string> shared_places(const Content& a, const Content& b) {
    std::vector<std::string> places;
    const auto compare = [&places](const TwinSettings& ours, const TwinSettings& theirs,
                                   const std::string& module) {
        for (const Setting& setting : ours)
            if (std::ranges::any_of(theirs, [&](const Setting& other) {
                    return overlap(setting.keys, other.keys);
                }))
                places.push_back(module + place_of(setting));
    };
    if (a.kind != ContentKind::edge) {
        compare(a.settings, b.settings, "");
        return places;
    }
    for (const auto& [module, settings] : a.modules)
        if (const auto other = b.modules.find(module); other != b.modules.end())
            compare(settings, other->second, module + ".");
    return places;
}

}  // namespace

// How many rows a query gives. Rows that are not grouped are counted where they are.
Task<Result<std::uint64_t>> Configurations::count(query::Plan plan, std::string principal,
                                                  std::function<bool()> wanted) {
    const std::uint64_t offset = plan.offset;
    const std::optional<std::uint64_t> limit = plan.limit;
    const bool rows = !plan.grouped && plan.collection != query::Collection::jobs;
    if (rows) make_count(plan);
    const auto shared = std::make_shared<const query::Plan>(std::move(plan));
    std::uint64_t total = 0;
    std::string cursor;
    do {
        PageRequest request;
        request.cursor = cursor;
        request.rows_max = page_rows;
        request.principal = principal;
        request.wanted = wanted;
        CO_TRY(const QueryPage page, co_await hub_.queries().run(shared, std::move(request)));
        if (rows) total = page.rows.empty() ? 0 : number_in(page.rows.front(), "n");
        else total += page.rows.size();
        cursor = page.cursor;
    } while (!cursor.empty());
    if (!rows) co_return total;
    total -= std::min(total, offset);
    co_return limit ? std::min(total, *limit) : total;
}

Task<std::optional<std::uint64_t>> Configurations::count_text(std::string text) {
    if (text.empty()) co_return 0;
    auto plan = query::compile(text, hub_.settings().query_options);
    if (!plan) co_return std::nullopt;
    const auto counted = co_await count(std::move(*plan), own_principal);
    if (!counted) {
        hub_.log().debug("configuration.metric_not_counted", {{"why", counted.error().message}});
        co_return std::nullopt;
    }
    co_return *counted;
}

Task<> Configurations::measure() {
    const ConfigurationSetPtr set = set_.load();
    auto next = std::make_shared<Results>();
    for (const auto& [id, known] : set->by_id()) {
        const ConfigurationPtr configuration = known.configuration;
        auto counted = std::make_shared<MetricResults>();
        for (const auto& [name, text] : system_metrics(*configuration))
            if (const auto number = co_await count_text(text)) counted->system[name] = *number;
        for (const auto& [name, text] : configuration->metrics)
            if (const auto number = co_await count_text(text)) counted->custom[name] = *number;
        (*next)[id] = std::move(counted);
    }
    // What was deleted meanwhile stays so.
    const ConfigurationSetPtr now = set_.load();
    std::erase_if(*next, [&now](const auto& each) { return now->find(each.first) == nullptr; });
    results_.store(std::move(next));
    measuring_ = false;
}

Task<Result<ConfigurationEffect>> Configurations::effect(std::string id, std::string principal,
                                                         std::function<bool()> wanted) {
    const ConfigurationSetPtr set = set_.load();
    CO_TRY(const ConfigurationPtr configuration, get(id));
    ConfigurationEffect effect;
    effect.at = hub_.clock().now();
    effect.shards = hub_.shards().size();
    const std::string where =
        std::string(from(*configuration)) + " WHERE IS_DEFINED(" + status_path(id) + ")";
    const auto grouped = query::compile("SELECT " + status_path(id) +
                                        " AS status, $drift.state AS drift, COUNT() AS n" + where +
                                        " GROUP BY " + status_path(id) + ", $drift.state");
    CHECK(grouped.has_value());
    PageRequest request;
    request.rows_max = page_rows;
    request.principal = principal;
    request.wanted = wanted;
    CO_TRY(const QueryPage page,
           co_await hub_.queries().run(std::make_shared<const query::Plan>(*grouped),
                                       std::move(request)));
    for (const std::string& row : page.rows) {
        const auto parsed = parse_json(row);
        const std::uint64_t twins = number_in(row, "n");
        effect.targeted += twins;
        if (!parsed) continue;
        if (text_in(*parsed, "status") == "Applied") effect.applied += twins;
        if (const auto state = twin::drift::state_of(text_in(*parsed, "drift")))
            effect.states[twin::drift::index_of(*state)] += twins;
    }
    for (const RankedConfiguration* other : set->ranked()) {
        if (other->configuration->id == id ||
            other->configuration->content.kind != configuration->content.kind)
            continue;
        const auto places = shared_places(configuration->content, other->configuration->content);
        if (places.empty()) continue;
        auto both = query::compile("SELECT deviceId" + where + " AND IS_DEFINED(" +
                                   status_path(other->configuration->id) + ")");
        CHECK(both.has_value());
        CO_TRY(const std::uint64_t twins, co_await count(std::move(*both), principal, wanted));
        if (twins == 0) continue;
        const std::string& wins =
            outranks(*configuration, *other->configuration) ? id : other->configuration->id;
        for (const std::string& place : places)
            if (effect.overlaps.size() < overlaps_max)
                effect.overlaps.push_back({place, other->configuration->id, wins, twins});
    }
    co_return effect;
}

}  // namespace twinhub::hub

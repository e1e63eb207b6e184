// How a change of a configuration, and a start, come to the twins.
#include "base/json_members.h"
#include "hub/configurations/configurations.h"
#include "hub/configurations/shard_configurations.h"
#include "hub/hub.h"
#include "query/narrow.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace twinhub::hub {
namespace {

constexpr std::size_t page_rows = 1000;
constexpr auto try_again_after = std::chrono::seconds{1};
const std::string principal = "system:configurations";

std::string has_status(std::string_view id) { return "IS_DEFINED(" + status_path(id) + ")"; }

std::optional<TwinId> id_in(std::string_view row) {
    const auto parsed = parse_json(row);
    if (!parsed) return std::nullopt;
    auto device = DeviceId::parse(text_in(*parsed, "deviceId"));
    if (!device) return std::nullopt;
    TwinId id{std::move(*device), {}};
    if (const std::string module = text_in(*parsed, "moduleId"); !module.empty()) {
        auto read = ModuleId::parse(module);
        if (!read) return std::nullopt;
        id.module = std::move(*read);
    }
    return id;
}

// Twins of a collection that have a status of the configuration.
query::Plan with_status(query::Collection collection, std::string_view id,
                        std::string_view further = {}) {
    auto plan = query::compile_condition(has_status(id) + std::string(further), query::Place::job);
    CHECK(plan.has_value());
    plan->collection = collection;
    return std::move(*plan);
}

}  // namespace

void Configurations::begin_passes() {
    if (passing_ || passes_.empty() || hub_.clock().monotonic() < next_pass_) return;
    passing_ = true;
    asio::co_spawn(hub_.shards().at(0).executor(), run_passes(), asio::detached);
}

Task<> Configurations::run_passes() {
    while (!passes_.empty()) {
        Pass& pass = passes_.front();  // further ones come behind it and leave it where it is
        if (!std::exchange(pass.told, true)) tell(pass.id, ConfigurationStep::started);
        const Result<> done = co_await run(pass);
        if (!done) {
            // It begins anew, and passes by what it has done.
            next_pass_ = hub_.clock().monotonic() + try_again_after;
            if (!std::exchange(trouble_told_, true))
                hub_.log().warn("configuration.pass_delayed",
                                {{"id", passes_.front().id}, {"why", done.error().message}});
            break;
        }
        trouble_told_ = false;
        if (!pass.at_start) tell(pass.id, ConfigurationStep::completed);
        passes_.pop_front();
        hub_.metrics().configurations.passes.Increment();
        measure_soon();
    }
    passing_ = false;
}

void Configurations::tell(const std::string& id, ConfigurationStep step) {
    if (!events_.is_heard()) return;
    const ConfigurationSetPtr set = set_.load();
    const RankedConfiguration* const known = set->find(id);
    events_.publish(configuration_event(
        step, id, known != nullptr ? known->configuration.get() : nullptr, hub_.clock().now()));
}

// First the twins that it is for, then those that it was for.
Task<Result<>> Configurations::run(Pass pass) {
    const ConfigurationSetPtr set = set_.load();
    const RankedConfiguration* known = set->find(pass.id);
    const std::uint64_t revision = known != nullptr ? known->configuration->revision : 0;
    if (known != nullptr && !known->target->is_empty()) {
        query::Plan plan = known->target->ids();
        // At a start those with a status have one of this revision, or are marked as outdated.
        if (pass.at_start && known->configuration->content.kind != ContentKind::edge) {
            auto without = query::compile_condition("NOT " + has_status(pass.id), query::Place::job,
                                                    hub_.settings().query_options);
            CHECK(without.has_value());
            without->collection = plan.collection;
            query::narrow(plan, *without);
        }
        CO_TRY_VOID(co_await settle_rows(std::move(plan), pass.id, revision, false));
    }
    bool all = false;
    if (pass.at_start && known != nullptr) {
        // Now all that it is for have a status: when as many have one, nobody else does.
        const bool edge = known->configuration->content.kind == ContentKind::edge;
        query::Plan targeted = known->target->ids();
        CO_TRY(const std::uint64_t wanted, co_await count(std::move(targeted), principal));
        query::Plan standing = with_status(known->configuration->content.kind == ContentKind::device
                                               ? query::Collection::devices
                                               : query::Collection::modules,
                                           pass.id, edge ? " AND moduleId = '$edgeAgent'" : "");
        CO_TRY(const std::uint64_t there, co_await count(std::move(standing), principal));
        if (wanted == there) co_return Result<>{};
        all = true;
    }
    for (const auto collection : {query::Collection::devices, query::Collection::modules}) {
        query::Plan plan = with_status(collection, pass.id);
        make_ids(plan);
        CO_TRY_VOID(co_await settle_rows(std::move(plan), pass.id, revision, all));
    }
    co_return Result<>{};
}

Task<Result<>> Configurations::settle_rows(query::Plan plan, std::string id, std::uint64_t revision,
                                           bool all) {
    const auto shared = std::make_shared<const query::Plan>(std::move(plan));
    Shards& shards = hub_.shards();
    std::string cursor;
    do {
        PageRequest request;
        request.cursor = cursor;
        request.rows_max = page_rows;
        request.principal = principal;
        CO_TRY(const QueryPage page, co_await hub_.queries().run(shared, std::move(request)));
        std::vector<ShardConfigurations::Found> found(shards.size());
        for (ShardConfigurations::Found& each : found) each = {id, revision, all, {}};
        for (const std::string& row : page.rows)
            if (auto twin = id_in(row))
                found[shards.of(twin->device).index()].ids.push_back(std::move(*twin));
        CO_TRY_VOID(co_await shards.on_all([&found](Shard& shard, std::size_t index) {
            return shard.configurations().settle(std::move(found[index]));
        }));
        cursor = page.cursor;
    } while (!cursor.empty());
    co_return Result<>{};
}

}  // namespace twinhub::hub

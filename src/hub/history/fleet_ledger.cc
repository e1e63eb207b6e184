#include "hub/history/fleet_ledger.h"

#include "base/json_members.h"
#include "hub/shards.h"
#include "query/compile.h"
#include "query/narrow.h"

namespace twinhub::hub {
namespace {

constexpr std::size_t twins_at_once = 500;

Result<std::shared_ptr<const query::Plan>> plan_of(std::string_view where) {
    std::string_view everything = "SELECT deviceId, moduleId FROM devices";
    if (where.empty()) return std::make_shared<const query::Plan>(*query::compile(everything));
    auto condition = query::compile_condition(where, query::Place::job);
    if (!condition) return failure(Code::argument_invalid, condition.error().message, "where");
    if (condition->collection == query::Collection::modules)
        everything = "SELECT deviceId, moduleId FROM devices.modules";
    auto plan = query::compile(everything);
    CHECK(plan.has_value());
    query::narrow(*plan, *condition);
    return std::make_shared<const query::Plan>(std::move(*plan));
}

Result<TwinId> id_of(const std::string& row) {
    TRY(const json::value value, parse_json(row));
    TwinId id;
    TRY(id.device, DeviceId::parse(text_in(value.as_object(), "deviceId")));
    if (const std::string module = text_in(value.as_object(), "moduleId"); !module.empty()) {
        TRY(id.module, ModuleId::parse(module));
    }
    return id;
}

// Those of one page of twins; waits for the disk.
Result<> read_into(FleetLedger& all, const std::vector<std::string>& rows, const Hub& hub,
                   store::Engine& engine, const FleetLedgerRequest& request) {
    const LedgerBounds bounds{.since = request.since};
    for (const std::string& row : rows) {
        TRY(const TwinId id, id_of(row));
        Result<Ledger> one =
            ledger_of(ChangeLog(engine.snapshot(), id), request.path, hub.settings().drift, bounds);
        // It may be deleted since the query.
        if (!one && (one.error().code == Code::device_not_found ||
                     one.error().code == Code::module_not_found))
            continue;
        if (!one) return std::unexpected(std::move(one).error());
        ++all.twins;
        if (!one->complete) ++all.incomplete;
        if (all.entries.size() + one->entries.size() > ledger_entries_max)
            return failure(Code::message_too_large,
                           "The ledger has more than " + std::to_string(ledger_entries_max) +
                               " entries: narrow it with where, path or since");
        std::ranges::move(one->entries, std::back_inserter(all.entries));
    }
    return {};
}

}  // namespace

Task<Result<FleetLedger>> fleet_ledger(Hub& hub, FleetLedgerRequest request) {
    CO_TRY(const auto plan, plan_of(request.where));
    FleetLedger all;
    std::string cursor;
    do {
        PageRequest page_request{.cursor = cursor,
                                 .rows_max = twins_at_once,
                                 .principal = request.principal,
                                 .wanted = request.wanted};
        CO_TRY(const QueryPage page, co_await hub.queries().run(plan, std::move(page_request)));
        CO_TRY_VOID(co_await hub.shards().off_loop<Result<>>([&all, &page, &hub, &request] {
            return read_into(all, page.rows, hub, hub.shards().engine(), request);
        }));
        cursor = page.cursor;
    } while (!cursor.empty() && request.wanted());
    co_return all;
}

}  // namespace twinhub::hub

#include "hub/rollouts/plan.h"

#include "hub/hub.h"
#include "hub/limits.h"
#include "twin/apply.h"
#include "twin/drift/paths.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <set>

namespace twinhub::hub {
namespace {

constexpr std::size_t changes_max = 100;             // listed
constexpr std::size_t changes_counted_max = 10'000;  // told apart, by each shard
constexpr std::size_t zones_max = 100;               // that an expected end is made of

// What one shard found.
struct Found {
    using Change = std::tuple<std::string, std::string, std::string>;  // path, from, to
    std::uint64_t differs = 0, same = 0, failing = 0;
    std::map<Change, std::uint64_t> changes;
    std::uint64_t other_changes = 0;
    std::map<std::string, PlannedFault> faults;
    std::set<std::string> zones;

    void fault(std::string kind, const std::string& message, const TwinId& id) {
        PlannedFault& one = faults[kind];
        if (one.devices++ != 0) return;
        one.kind = std::move(kind);
        one.message = message;
        one.example = id.text();
    }
    void change(const ChangedLeaf& leaf) {
        const auto text = [](const std::optional<json::value>& value) {
            return value ? to_text(*value) : std::string();
        };
        Change key{std::string(twin::path_of(leaf.part)) + "." + leaf.path, text(leaf.before),
                   text(leaf.after)};
        const auto known = changes.find(key);
        if (known != changes.end()) ++known->second;
        else if (changes.size() < changes_counted_max) changes.emplace(std::move(key), 1);
        else ++other_changes;
    }
};

struct Work {
    const RolloutDocument& document;
    const Touch& touch;
    std::shared_ptr<Zones> zones;
    Instant now;
};

void look_at(const Work& work, const TwinId& id, const twin::Twin& twin, Found& found) {
    if (work.document.window) {
        std::string name = work.document.window->zone;
        if (!work.document.window->zone_tag.empty()) {
            const auto keys = twin::drift::keys_of(work.document.window->zone_tag);
            const twin::Node* const tag = twin::drift::node_at(twin.tags, keys);
            if (tag != nullptr && !tag->is_object() && tag->leaf().is_string())
                name = tag->leaf().get_string();
            else
                found.fault("zone",
                            "The tag that names the time zone is not there: it counts as " +
                                work.document.window->zone,
                            id);
        }
        if (found.zones.size() < zones_max) found.zones.insert(std::move(name));
    }
    const auto step = work.touch.step(twin);
    if (!step) {
        ++found.failing;
        return found.fault("rule", step.error().message, id);
    }
    if (!step->update) {
        ++found.same;
        return;
    }
    ++found.differs;
    for (const ChangedLeaf& leaf : step->leaves) found.change(leaf);
    const auto applied = twin::apply(twin, *step->update, work.now);
    if (applied) return;
    ++found.failing;
    found.fault("size", applied.error().message, id);
}

// The twins of one shard, in slices.
Task<Result<>> look_at_all(Hub& hub, Shard& shard, const Work& work, const std::vector<TwinId>& ids,
                           const RolloutAsker& asker, Found& found) {
    Moment began = hub.clock().monotonic();
    for (const TwinId& id : ids) {
        // One that is gone meanwhile is not hit.
        if (const Result<TwinView> view = co_await shard.view(id))
            look_at(work, id, view->twin, found);
        if (hub.clock().monotonic() - began < slice_time) continue;
        if (!asker.wanted()) co_return failure(Code::timeout, "Nobody waits for the plan any more");
        co_await asio::post(shard.executor(), asio::use_awaitable);
        began = hub.clock().monotonic();
    }
    co_return Result<>{};
}

void gather(RolloutPlan& plan, std::vector<Found>& all) {
    std::map<Found::Change, std::uint64_t> changes;
    std::map<std::string, PlannedFault> faults;
    for (Found& found : all) {
        plan.differs += found.differs;
        plan.same += found.same;
        plan.failing += found.failing;
        plan.other_changes += found.other_changes;
        for (const auto& [key, devices] : found.changes) changes[key] += devices;
        for (auto& [kind, fault] : found.faults) {
            PlannedFault& one = faults[kind];
            const std::uint64_t before = one.devices;
            if (before == 0) one = fault;
            one.devices = before + fault.devices;
        }
    }
    for (const auto& [key, devices] : changes) {
        const auto& [path, from, to] = key;
        PlannedChange& change = plan.changes.emplace_back();
        change.path = path;
        if (!from.empty()) change.from = parse_json(from).value();
        if (!to.empty()) change.to = parse_json(to).value();
        change.devices = devices;
    }
    std::ranges::sort(plan.changes, [](const PlannedChange& a, const PlannedChange& b) {
        return a.devices != b.devices ? a.devices > b.devices : a.path < b.path;
    });
    for (std::size_t i = changes_max; i < plan.changes.size(); ++i)
        plan.other_changes += plan.changes[i].devices;
    if (plan.changes.size() > changes_max) plan.changes.resize(changes_max);
    // Even where there is none: a plan that was looked at says so.
    for (const char* kind : {"size", "rule"}) faults[kind].kind = kind;
    for (auto& [kind, fault] : faults) plan.faults.push_back(std::move(fault));
}

std::optional<double> percentile(std::vector<double> values, double share) {
    if (values.empty()) return std::nullopt;
    const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
    std::ranges::nth_element(values, values.begin() + at);
    return values[static_cast<std::size_t>(at)];
}

std::vector<TimeZone> zones_of(const std::vector<Found>& all, const MaintenanceWindow& window,
                               Zones& zones, RolloutPlan& plan) {
    std::set<std::string> names;
    for (const Found& found : all) names.insert(found.zones.begin(), found.zones.end());
    std::vector<TimeZone> made;
    for (const std::string& name : names) {
        if (!zones.find(name).known) zones.load();
        if (const auto found = zones.find(name); found.zone) made.push_back(*found.zone);
        else
            plan.faults.push_back(
                {"unknownZone", "There is no time zone '" + name + "': it counts as " + window.zone,
                 name, 0});
    }
    if (made.empty()) made.emplace_back();
    return made;
}

}  // namespace

Instant expected_end(const RolloutDocument& document, const std::vector<TimeZone>& zones,
                     double converge_seconds, Instant start) {
    Instant at = start;
    const auto took = std::chrono::duration_cast<Ticks>(
        std::chrono::duration<double>(std::clamp(converge_seconds, 0.0, 366.0 * 86'400)));
    for (std::size_t wave = 0; wave < document.waves.size(); ++wave) {
        if (document.window) {
            Instant last = at;
            for (const TimeZone& zone : zones)
                last = std::max(last, next_open(*document.window, zone, at).value_or(at));
            at = last;
        }
        at += took + document.gates_of(wave).soak;
    }
    return at;
}

Task<Result<RolloutPlan>> make_plan(Hub& hub, RolloutDocument document,
                                    std::shared_ptr<Zones> zones, RolloutAsker asker,
                                    PlanTargets& targets) {
    CO_TRY(const Touch touch, Touch::of(document.patch, document.content));
    CO_TRY(Selected selected, co_await select_target(hub, document, asker));
    RolloutPlan plan{.document = document, .at = hub.clock().now()};
    plan.devices = selected.ids.size();
    plan.offline = selected.offline;
    // What goes through all devices in one go is not for a loop.
    std::vector<std::vector<TwinId>>& by_shard = targets.by_shard;
    co_await hub.shards().off_loop<bool>([&] {
        targets.fleet = FleetPrint::of(selected.ids);
        by_shard.resize(hub.shards().size());
        for (const TwinId& id : selected.ids)
            by_shard[hub.shards().of(id.device).index()].push_back(id);
        return true;
    });
    std::vector<Found> found(hub.shards().size());
    const Work work{document, touch, zones, plan.at};
    auto look = [&](Shard& shard, std::size_t index) {
        return look_at_all(hub, shard, work, by_shard[index], asker, found[index]);
    };
    CO_TRY_VOID(co_await hub.shards().on_all(look));

    CO_TRY(std::vector<Assigned> dealt,
           co_await deal_target(hub, document, std::move(selected.ids), asker));
    std::vector<TimeZone> clocks;
    // Sorting and reading zones wait for the disk, or take their time.
    co_await hub.shards().off_loop<bool>([&] {
        gather(plan, found);
        plan.converge_seconds = percentile(std::move(selected.converge_seconds), 0.95);
        plan.waves = wave_sizes(dealt, document.waves.size());
        plan.unassigned = plan.devices;
        for (const std::uint64_t size : plan.waves) plan.unassigned -= size;
        dealt.clear();
        if (document.window) clocks = zones_of(found, *document.window, *zones, plan);
        return true;
    });
    // Of devices that never converged nothing can be told, unless nothing is waited for.
    if (plan.converge_seconds || touch.desired_paths().empty()) {
        plan.ends = expected_end(document, clocks, plan.converge_seconds.value_or(0), plan.at);
        plan.expected_seconds = std::chrono::duration<double>(*plan.ends - plan.at).count();
    }
    co_return plan;
}

}  // namespace twinhub::hub

#include "hub/rollouts/rollouts.h"

#include "hub/commit_queue.h"
#include "hub/hub.h"
#include "hub/lanes.h"
#include "hub/limits.h"
#include "hub/rollouts/overlaps.h"
#include "hub/rollouts/running.h"
#include "hub/rollouts/state_event.h"
#include "hub/secrets.h"
#include "hub/streams.h"
#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace twinhub::hub {

using store::Family;

namespace {

constexpr std::size_t key_bytes = 32;

std::string plan_key_key() { return store::metadata_key(store::Area::hub, "rollout-plan-key"); }

Error not_found(std::string_view name) {
    return {Code::not_found, fmt::format("There is no rollout '{}'", name), {}};
}

}  // namespace

Rollouts::Rollouts(Hub& hub)
    : hub_(hub),
      stored_(std::make_unique<Stored>(hub)),
      zones_(std::make_shared<Zones>(hub.settings().rollouts.zone_folder)) {
    for (std::size_t i = 0; i < hub.shards().size(); ++i)
        sides_.push_back(std::make_unique<Side>());
}

Rollouts::~Rollouts() {
    for (const auto& [name, rollout] : rollouts_)
        hub_.metrics().rollouts.rollouts(rollout->record.state, -1);
}

Result<> Rollouts::load() {
    const store::Engine& engine = hub_.shards().engine();
    TRY(const auto key, engine.get(Family::metadata, plan_key_key()));
    if (key) {
        TRY(const store::Opened opened, store::open(store::Kind::hub_state, hub_state_format,
                                                    "metadata", plan_key_key(), *key));
        key_ = std::string(opened.body);
    }
    const auto cursor = engine.scan(Family::metadata, store::area_range(store::Area::rollout));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        TRY(RolloutRecord record, open_rollout(cursor->key(), cursor->value()));
        auto rollout = std::make_shared<Running>();
        rollout->counts = record.counts;
        rollout->record = std::move(record);
        TRY_VOID(rollout->make_context(zones_));
        hub_.metrics().rollouts.rollouts(rollout->record.state, 1);
        show(*rollout);
        std::string name = rollout->record.document.name;
        rollouts_.emplace(std::move(name), std::move(rollout));
    }
    TRY_VOID(cursor->status());
    publish();
    return {};
}

Rollouts::RunningPtr Rollouts::find(std::string_view name) const {
    const auto found = rollouts_.find(name);
    return found == rollouts_.end() ? nullptr : found->second;
}

Result<RolloutPtr> Rollouts::get(std::string_view name) const {
    const auto views = views_.load();
    const auto found = views->find(name);
    if (found == views->end()) return std::unexpected(not_found(name));
    return found->second;
}

std::vector<RolloutPtr> Rollouts::list() const {
    std::vector<RolloutPtr> all;
    for (const auto& [name, view] : *views_.load()) all.push_back(view);
    return all;
}

// Makes the view of a rollout anew; publish() shows it to others.
void Rollouts::show(Running& rollout) {
    auto view = std::make_shared<RolloutView>();
    view->record = rollout.record;
    view->waves = rollout.counts;
    view->now = is_over(rollout.record.state) ? std::string() : rollout.reason;
    view->opens = rollout.opens;
    view->at = hub_.clock().now();
    view->number = ++number_;
    rollout.view = std::move(view);
}

void Rollouts::publish() {
    auto views = std::make_shared<Views>();
    for (const auto& [name, rollout] : rollouts_) views->emplace(name, rollout->view);
    views_.store(std::move(views));
}

void Rollouts::log(const RolloutRecord& record, const LogLine& line) const {
    hub_.log().info("rollout." + line.what,
                    {{"name", record.document.name},
                     {"state", name_of(record.state)},
                     {"wave", line.wave ? static_cast<int>(*line.wave) : -1},
                     {"reason", line.reason},
                     {"policy", line.by}});
}

// Durable first, then shown and acted upon.
Task<Result<>> Rollouts::save(RunningPtr rollout, RolloutRecord next) {
    const std::string key = rollout_key(next.document.name);
    next.counts = rollout->counts;
    std::string value;
    seal_rollout(next, value);
    stored_->queue.batch().put(Family::metadata, key, value);
    CO_TRY_VOID(co_await stored_->settled());
    const bool told = next.log.size() != rollout->record.log.size() ||
                      (!next.log.empty() && next.log.back() != rollout->record.log.back());
    hub_.metrics().rollouts.rollouts(rollout->record.state, rollout->is_new ? 0 : -1);
    hub_.metrics().rollouts.rollouts(next.state, 1);
    rollout->is_new = false;
    const RolloutState from = rollout->record.state;
    if (next.state != rollout->record.state) rollout->reason.clear();
    rollout->record = std::move(next);
    if (auto event = state_event(rollout->record, from, hub_.clock().now()))
        events_.publish(std::move(event));
    if (told) log(rollout->record, rollout->record.log.back());
    show(*rollout);
    publish();
    co_return Result<>{};
}

// The key of this hub's plans, made when it is first needed.
Task<Result<std::string>> Rollouts::key() {
    const Lanes::Guard lane = co_await stored_->lanes.enter(" key");
    if (!key_.empty()) co_return key_;
    std::string made(key_bytes, '\0');
    hub_.random().fill(std::as_writable_bytes(std::span(made)));
    std::string value;
    store::seal(store::Kind::hub_state, hub_state_format, plan_key_key(), made, value);
    stored_->queue.batch().put(Family::metadata, plan_key_key(), value);
    CO_TRY_VOID(co_await stored_->settled());
    key_ = std::move(made);
    co_return key_;
}

Task<Result<RolloutPlan>> Rollouts::plan(RolloutDocument document, RolloutAsker asker) {
    PlanTargets targets;
    CO_TRY(const Touch touch, Touch::of(document.patch, document.content));
    // What it would write into an empty twin is all that it can write.
    CO_TRY(const Touch::Step all_of_it, touch.step(twin::fresh(hub_.clock().now())));
    if (all_of_it.update) CO_TRY_VOID(check_secrets(hub_.settings(), *all_of_it.update));
    CO_TRY(RolloutPlan plan, co_await make_plan(hub_, document, zones_, asker, targets));

    // Who else writes the same places of these twins.
    std::vector<
        std::map<std::tuple<std::string, std::string, std::string, std::string>, std::uint64_t>>
        found(sides_.size());
    const std::vector<std::string> paths = touch.paths();
    auto look = [this, &document, &paths, &targets, &found](Shard& shard,
                                                            std::size_t index) -> Task<Result<>> {
        ConfigurationOverlaps configurations(shard, hub_.configurations(), paths);
        Moment began = hub_.clock().monotonic();
        for (const TwinId& id : targets.by_shard[index]) {
            std::vector<PlannedOverlap> all = sides_[index]->overlaps(document.name, id, paths);
            configurations.find(id, all);
            for (PlannedOverlap& one : all) ++found[index][{one.kind, one.id, one.path, one.note}];
            if (hub_.clock().monotonic() - began < slice_time) continue;
            co_await asio::post(shard.executor(), asio::use_awaitable);
            began = hub_.clock().monotonic();
        }
        co_return Result<>{};
    };
    CO_TRY_VOID(co_await hub_.shards().on_all(look));
    for (std::size_t i = 1; i < found.size(); ++i)
        for (const auto& [key, devices] : found[i]) found[0][key] += devices;
    for (const auto& [key, devices] : found[0])
        plan.overlaps.push_back(
            {std::get<0>(key), std::get<1>(key), std::get<2>(key), devices, std::get<3>(key)});

    CO_TRY(const hub::Statistics all, co_await hub_.registry().statistics());
    const bool modules = query_is_of_modules(document, hub_.settings());
    const std::uint64_t there = modules ? all.modules : all.devices_enabled + all.devices_disabled;
    plan.is_everything = plan.devices == there && there > 1;
    auto sign = [this] { return key(); };
    CO_TRY(const std::string secret, co_await Shards::on(hub_.shards().at(0), sign));
    plan.token = sign_plan({plan.document, targets.fleet, plan.at, plan.is_everything}, secret);
    // Many ids: their memory is given back where nobody waits.
    asio::post(hub_.shards().pool(),
               [ids = std::move(targets.by_shard)]() mutable { ids.clear(); });
    co_return plan;
}

Task<Result<RolloutPtr>> Rollouts::put(std::string name, std::string plan, Author author) {
    auto work = [this, &name, &plan, &author] { return put_here(name, plan, author); };
    co_return co_await Shards::on(hub_.shards().at(0), work);
}

Task<Result<RolloutPtr>> Rollouts::put_here(std::string name, std::string plan, Author author) {
    CO_TRY_VOID(check_rollout_name(name));
    CO_TRY(const std::string secret, co_await key());
    CO_TRY(const PlanFacts facts, read_plan(plan, secret));
    if (facts.document.name != name)
        co_return failure(Code::argument_invalid,
                          fmt::format("The plan is of the rollout '{}'", facts.document.name),
                          "plan");
    if (facts.is_everything && !facts.document.confirm_all)
        co_return failure(Code::argument_invalid,
                          "The target is every device that there is: say \"confirmAll\": true in "
                          "the plan if that is meant",
                          "target");
    const Lanes::Guard lane = co_await stored_->lanes.enter(name);
    RunningPtr rollout = find(name);
    if (rollout && rollout->record.state != RolloutState::draft)
        co_return failure(Code::conflict,
                          fmt::format("The rollout '{}' is {}: another one needs another name",
                                      name, name_of(rollout->record.state)));
    if (!rollout && rollouts_.size() >= hub_.settings().rollouts.kept_max)
        co_return failure(Code::conflict,
                          fmt::format("There are {} rollouts already: delete some that are over",
                                      rollouts_.size()));
    RolloutRecord record;
    record.document = facts.document;
    record.author = author;
    record.created = hub_.clock().now();
    record.planned = facts.fleet.bytes();
    record.devices = facts.fleet.devices();
    record.waves.resize(record.document.waves.size());
    if (rollout) record.log = rollout->record.log;
    record.tell({record.created, rollout ? "planned anew" : "planned", {}, {}, author.principal});
    auto made = std::make_shared<Running>();
    made->counts.resize(record.waves.size());
    made->record.document = record.document;
    CO_TRY_VOID(made->make_context(zones_));
    made->is_new = !rollout;
    CO_TRY_VOID(co_await save(made, std::move(record)));
    rollouts_[name] = made;
    publish();
    co_return made->view;
}

Task<Result<>> Rollouts::check_moved(const RolloutRecord& record, RolloutAsker asker) {
    CO_TRY(const FleetPrint planned, FleetPrint::parse(record.planned));
    CO_TRY(Selected now, co_await select_target(hub_, record.document, std::move(asker)));
    auto compare = [planned, now = std::move(now)] { return planned.moved(now.ids); };
    const double moved = co_await hub_.shards().off_loop<double>(std::move(compare));
    if (moved <= plan_moved_max + 1e-9) co_return Result<>{};
    co_return failure(Code::conflict,
                      fmt::format("{:.1f}% of the devices are others than when it was planned, and "
                                  "2% may be: plan again",
                                  moved * 100));
}

Task<Result<RolloutPtr>> Rollouts::act(std::string name, Order order) {
    auto work = [this, &name, &order] { return act_here(name, order); };
    co_return co_await Shards::on(hub_.shards().at(0), work);
}

Task<Result<RolloutPtr>> Rollouts::act_here(std::string name, Order order) {
    const Lanes::Guard lane = co_await stored_->lanes.enter(name);
    const RunningPtr rollout = find(name);
    if (!rollout) co_return std::unexpected(not_found(name));
    const RolloutRecord& now = rollout->record;
    CO_TRY(const RolloutState state, state_after(now.state, order.action));
    const bool past_gate = order.action == RolloutAction::resume && now.state == RolloutState::held;
    if (order.author.reason.empty() && (past_gate || order.action == RolloutAction::rollback))
        co_return failure(Code::argument_invalid, "Say why, for the history", "reason");
    if (past_gate && order.confirm != name)
        co_return failure(
            Code::argument_invalid,
            fmt::format("A gate has failed. To go on past it, say \"confirm\": \"{}\"", name),
            "confirm");
    if (order.action == RolloutAction::start)
        CO_TRY_VOID(co_await check_moved(now, {.principal = order.author.principal}));
    RolloutRecord next = now;
    next.state = state;
    if (order.action == RolloutAction::start || order.action == RolloutAction::rollback)
        next.author = order.author;
    if (order.action == RolloutAction::start) next.started = hub_.clock().now();
    if (past_gate && next.wave < next.waves.size()) next.waves[next.wave].waived = true;
    if (is_over(state)) next.ended = hub_.clock().now();
    else next.ended.reset();
    next.tell({hub_.clock().now(), std::string(name_of(order.action)),
               past_gate ? std::optional(next.wave) : std::nullopt, order.author.reason,
               order.author.principal});
    CO_TRY_VOID(co_await save(rollout, std::move(next)));
    // Stopping is immediate: nobody else is told, whatever the turn is doing.
    if (!is_at_work(state)) co_await gather(*rollout, {}, false);
    begin_turn();
    co_return rollout->view;
}

Task<Result<>> Rollouts::remove(std::string name) {
    auto work = [this, &name] { return remove_here(name); };
    co_return co_await Shards::on(hub_.shards().at(0), work);
}

Task<Result<>> Rollouts::remove_here(std::string name) {
    const Lanes::Guard lane = co_await stored_->lanes.enter(name);
    const RunningPtr rollout = find(name);
    if (!rollout) co_return std::unexpected(not_found(name));
    const RolloutState state = rollout->record.state;
    if (state != RolloutState::draft && !is_over(state))
        co_return failure(Code::conflict,
                          fmt::format("The rollout is {}: abort it first", name_of(state)));
    if (rollout->has_parts)
        co_return failure(Code::conflict, "Its last devices are still being written: try again");
    const store::Range devices = store::prefix_range(rollout_devices_prefix(name));
    stored_->queue.batch().remove(Family::metadata, rollout_key(name));
    stored_->queue.batch().remove_range(Family::metadata, devices.from, devices.to);
    CO_TRY_VOID(co_await stored_->settled());
    hub_.metrics().rollouts.rollouts(state, -1);
    rollouts_.erase(name);
    publish();
    co_return Result<>{};
}

}  // namespace twinhub::hub

// How rollouts go on by themselves: one turn after the other, on the first loop.
#include "hub/limits.h"
#include "hub/rollouts/failure_event.h"
#include "hub/rollouts/overlaps.h"
#include "hub/rollouts/running.h"
#include "store/keys.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace twinhub::hub {

using store::Family;

namespace {

constexpr std::size_t failures_told_max = 10'000;  // of one wave

constexpr std::chrono::milliseconds turn_every{200};
constexpr std::chrono::milliseconds look_every{1000};
constexpr std::size_t chunk = 256;  // devices added to a shard, or written, at once

}  // namespace

std::vector<PlannedOverlap> Rollouts::Side::overlaps(std::string_view but, const TwinId& id,
                                                     const std::vector<std::string>& paths) const {
    std::vector<PlannedOverlap> found;
    const auto refs = devices.find(id);
    if (refs == devices.end()) return found;
    for (const Ref& ref : refs->second) {
        const RolloutContext& other = ref.part->context();
        if (other.document.name == but) continue;
        for (const std::string& path : paths)
            if (std::ranges::any_of(other.touch.paths(), [&](const std::string& theirs) {
                    return places_overlap(path, theirs);
                })) {
                found.push_back({"rollout", other.document.name, path, 0, {}});
                break;
            }
    }
    return found;
}

void Rollouts::twin_changed(const TwinId& id, const State& before, const State& after) {
    Side& side = *sides_[hub_.shards().of(id.device).index()];
    if (side.devices.empty()) return;
    const auto found = side.devices.find(id);
    if (found == side.devices.end()) return;
    for (const Side::Ref& ref : found->second) ref.part->twin_changed(ref.number, before, after);
}

void Rollouts::tick() {
    if (rollouts_.empty() || hub_.clock().monotonic() < next_turn_) return;
    begin_turn();
}

void Rollouts::begin_turn() {
    if (std::exchange(turning_, true)) return;
    asio::co_spawn(hub_.shards().at(0).executor(), turn(), asio::detached);
}

Task<> Rollouts::turn() {
    const Moment now = hub_.clock().monotonic();
    next_turn_ = now + turn_every;
    if (zones_->has_wishes())
        co_await hub_.shards().off_loop<bool>([zones = zones_] {
            zones->load();
            return true;
        });
    std::vector<RunningPtr> all;
    for (const auto& [name, rollout] : rollouts_) all.push_back(rollout);
    for (const RunningPtr& rollout : all) co_await turn_of(rollout);
    if (now >= next_look_) next_look_ = now + look_every;
    last_turn_ = now;
    turning_ = false;
}

PartOrders Rollouts::orders_of(Running& rollout, Ticks passed) const {
    PartOrders orders;
    const RolloutRecord& record = rollout.record;
    orders.author = author_of_work(Cause::rollout, "rollout", record.document.name, record.author);
    // After a restart nobody is told before it is known how the others stand.
    if (record.state == RolloutState::running && rollout.unknown == 0) {
        orders.what = PartOrders::What::tell;
        orders.wave = record.wave;
        if (const auto rate = record.document.devices_per_second) {
            // What a second brings may be used at once, and one device always.
            const double seconds = std::chrono::duration<double>(passed).count();
            rollout.tokens = std::min(rollout.tokens + *rate * seconds, std::max(1.0, *rate));
        }
    } else if (record.state == RolloutState::rolling_back) {
        orders.what = PartOrders::What::back;
        orders.author.cause = Cause::rollback;
    }
    return orders;
}

// Gives the orders to all parts and hears how they stand.
Task<> Rollouts::gather(Running& rollout, PartOrders orders, bool look) {
    if (!rollout.has_parts) co_return;
    const bool limited = orders.tells() && rollout.record.document.devices_per_second.has_value();
    const auto give = static_cast<std::uint64_t>(rollout.tokens);
    // Whole devices, to another shard first each time: some have none left to be told.
    const std::uint64_t turn = rollout.turns++;
    const std::uint64_t shards = rollout.parts.size();
    const std::vector<std::shared_ptr<RolloutPart>> parts = rollout.parts;
    std::vector<RolloutPart::Standing> standings(parts.size());
    std::vector<double> left(parts.size());
    auto work = [&](Shard&, std::size_t index) -> Task<Result<>> {
        PartOrders mine = orders;
        if (limited) {
            const std::uint64_t place = (index + turn) % shards;
            mine.tokens = static_cast<double>(give / shards + (place < give % shards ? 1 : 0));
        }
        parts[index]->order(std::move(mine));
        if (look) co_await parts[index]->look();
        parts[index]->pump();
        left[index] = parts[index]->tokens_left();
        standings[index] = parts[index]->standing();
        co_return Result<>{};
    };
    const Result<> done = co_await hub_.shards().on_all(work);
    CHECK(done.has_value());
    if (limited) {
        rollout.tokens -= static_cast<double>(give);
        for (const double unused : left) rollout.tokens += unused;
    }
    std::vector<WaveCounts> counts(rollout.record.waves.size());
    rollout.unknown = rollout.busy = 0;
    rollout.opens.reset();
    for (const RolloutPart::Standing& one : standings) {
        for (std::size_t wave = 0; wave < counts.size(); ++wave) counts[wave] += one.waves[wave];
        rollout.unknown += one.unknown;
        rollout.busy += one.busy;
        if (one.opens && (!rollout.opens || *one.opens < *rollout.opens)) rollout.opens = one.opens;
    }
    rollout.counts = std::move(counts);
}

Task<> Rollouts::turn_of(RunningPtr rollout) {
    const RolloutState state = rollout->record.state;
    if (state == RolloutState::draft) co_return;
    if (is_over(state) && !rollout->has_parts) co_return;
    if (!rollout->has_parts) {
        const Lanes::Guard lane = co_await stored_->lanes.enter(rollout->record.document.name);
        // Its record may be another by now; what fails here is tried again in the next turn.
        const Result<> installed = co_await install(rollout);
        if (!installed && rollout->reason != installed.error().message) {
            rollout->reason = installed.error().message;
            hub_.log().warn("rollout.waits", {{"name", rollout->record.document.name},
                                              {"what", installed.error().message},
                                              {"where", installed.error().where}});
            show(*rollout);
            publish();
        }
        co_return;
    }
    const Moment now = hub_.clock().monotonic();
    const Ticks passed = std::chrono::duration_cast<Ticks>(now - last_turn_);
    const std::vector<WaveCounts> before = rollout->counts;
    co_await gather(*rollout, orders_of(*rollout, std::min(passed, Ticks{std::chrono::seconds{1}})),
                    now >= next_look_ || rollout->unknown != 0);
    {
        const Lanes::Guard lane = co_await stored_->lanes.enter(rollout->record.document.name);
        co_await judge_wave(rollout);
    }
    if (rollout->counts != before) {
        show(*rollout);
        publish();
    }
}

// Bounded: whoever lets more devices fail than this has other ways to list them.
Task<> Rollouts::tell_failures(RunningPtr rollout, std::uint32_t wave) {
    if (!events_.is_heard()) co_return;
    std::size_t told = 0;
    for (const char* state : {"rejected", "drifted", "stale"}) {
        RolloutPart::Wanted wanted{.state = state, .wave = wave, .after = {}, .limit = 500};
        do {
            Result<RolloutDevicePage> page =
                co_await devices(rollout->record.document.name, wanted);
            if (!page) co_return;
            for (const RolloutDevice& device : page->devices) {
                const Result<TwinDrift> drift = co_await hub_.drifts().of(device.listed.id);
                if (!drift) continue;  // deleted meanwhile
                auto event = failure_event(rollout->record.document.name, wave,
                                           rollout->context->touch.desired_paths(), *drift);
                if (event) events_.publish(std::move(event));
            }
            told += page->devices.size();
            wanted.after = page->next;
        } while (wanted.after && told < failures_told_max);
    }
}

// What follows from how the devices stand. Nobody else decides about it meanwhile.
Task<> Rollouts::judge_wave(RunningPtr rollout) {
    const RolloutRecord& record = rollout->record;
    const Instant now = hub_.clock().now();
    if (is_over(record.state)) {
        if (rollout->busy != 0) co_return;
        // The last word on its devices, for who asks later.
        RolloutRecord next = record;
        if (co_await save(rollout, std::move(next))) co_await drop_parts(*rollout);
        co_return;
    }
    if (record.state == RolloutState::rolling_back) {
        std::uint64_t told = 0, restored = 0, kept = 0;
        for (const WaveCounts& wave : rollout->counts) {
            told += wave.of(DeviceStep::told);
            restored += wave.of(DeviceStep::restored);
            kept += wave.of(DeviceStep::kept);
        }
        rollout->reason = fmt::format("{} devices are still to go back", told);
        if (told != 0 || rollout->busy != 0) co_return;
        RolloutRecord next = record;
        next.state = RolloutState::rolled_back;
        next.ended = now;
        next.tell({now,
                   "rolled back",
                   {},
                   fmt::format("{} devices have their earlier values, {} were changed by others",
                               restored, kept),
                   {}});
        static_cast<void>(co_await save(rollout, std::move(next)));
        co_return;
    }
    if (record.state != RolloutState::running) co_return;
    if (rollout->unknown != 0) co_return;  // after a restart: first look, then judge
    const std::uint32_t wave = record.wave;
    Decision made =
        decide(record.document.gates_of(wave), rollout->counts[wave], record.waves[wave], now);
    rollout->reason = fmt::format("wave {}: {}", wave + 1, made.reason);
    if (made.progress == record.waves[wave] && made.kind == Decision::Kind::wait) co_return;
    RolloutRecord next = record;
    next.waves[wave] = made.progress;
    if (made.kind == Decision::Kind::pass) {
        next.tell({now, "passed", wave, made.reason, {}});
        if (wave + 1 < next.waves.size()) {
            next.wave = wave + 1;
            next.waves[wave + 1].began = now;
        } else {
            next.state = RolloutState::completed;
            next.ended = now;
        }
    } else if (made.kind == Decision::Kind::fail) {
        switch (record.document.on_fail) {
            case OnFail::pause: next.state = RolloutState::held; break;
            case OnFail::halt:
                next.state = RolloutState::halted;
                next.ended = now;
                break;
            case OnFail::rollback: next.state = RolloutState::rolling_back; break;
        }
        next.tell({now, std::string(name_of(next.state)), wave, made.reason, {}});
    }
    const Result<> saved = co_await save(rollout, std::move(next));
    if (!saved) co_return;  // decided again in the next turn
    if (made.kind == Decision::Kind::pass) hub_.metrics().rollouts.gates_passed.Increment();
    // One that is held may still be mended, one that goes back has nothing to report.
    if (made.kind == Decision::Kind::pass || record.state == RolloutState::halted)
        co_await tell_failures(rollout, wave);
    if (made.kind != Decision::Kind::fail) co_return;
    hub_.metrics().rollouts.gates_failed.Increment();
    rollout->reason = fmt::format("wave {}: {}", wave + 1, made.reason);
    show(*rollout);
    publish();
    // Nobody else is told from here on.
    co_await gather(*rollout, orders_of(*rollout, Ticks{}), false);
}

// --- devices come and go -------------------------------------------------------------------------

void Rollouts::open_part(Running& rollout, Shard& shard) {
    rollout.parts[shard.index()] = std::make_shared<RolloutPart>(RolloutPart::Parts{
        shard, hub_.shards().engine(), hub_.clock(), hub_.settings().drift, hub_.metrics().rollouts,
        hub_.metrics().drift.by_rollout, hub_.shards().pool(), rollout.context});
}

Task<Result<>> Rollouts::install(RunningPtr rollout) {
    const RolloutState state = rollout->record.state;
    if (rollout->has_parts || state == RolloutState::draft || is_over(state)) co_return Result<>{};
    rollout->parts.assign(sides_.size(), nullptr);
    for (std::size_t i = 0; i < sides_.size(); ++i) open_part(*rollout, hub_.shards().at(i));
    const Result<> done =
        state == RolloutState::starting ? co_await prepare(rollout) : co_await bring_back(rollout);
    if (!done) {
        co_await drop_parts(*rollout);
        co_return done;
    }
    rollout->has_parts = true;
    rollout->unknown = state == RolloutState::starting ? 0 : 1;  // until they are looked at
    co_return done;
}

// Chooses the devices of a rollout that was started. Cut off, it begins anew: nobody is told yet.
Task<Result<>> Rollouts::prepare(RunningPtr rollout) {
    const RolloutDocument document = rollout->record.document;
    const store::Range old = store::prefix_range(rollout_devices_prefix(document.name));
    stored_->queue.batch().remove_range(Family::metadata, old.from, old.to);
    CO_TRY_VOID(co_await stored_->settled());
    const RolloutAsker asker{.principal = rollout->record.author.principal};
    CO_TRY(Selected selected, co_await select_target(hub_, document, asker));
    CO_TRY(std::vector<Assigned> dealt,
           co_await deal_target(hub_, document, std::move(selected.ids), asker));
    using Known = std::vector<std::vector<RolloutPart::Known>>;
    auto part = [this, &dealt] {
        Known known(sides_.size());
        for (Assigned& one : dealt) {
            if (one.wave == no_wave) continue;
            const std::size_t index = hub_.shards().of(one.id.device).index();
            known[index].push_back({std::move(one.id), {}, one.wave, DeviceStep::waiting});
        }
        dealt.clear();
        return known;
    };
    Known known = co_await hub_.shards().off_loop<Known>(std::move(part));
    std::uint64_t devices = 0;
    for (const auto& some : known) devices += some.size();
    auto add = [&](Shard& shard, std::size_t index) {
        return add_devices(*rollout, shard, std::move(known[index]), true);
    };
    CO_TRY_VOID(co_await hub_.shards().on_all(add));
    RolloutRecord next = rollout->record;
    next.state = RolloutState::running;
    next.devices = devices;
    next.waves.assign(next.waves.size(), {});
    next.wave = 0;
    next.waves[0].began = hub_.clock().now();
    next.tell({hub_.clock().now(), "running", {}, fmt::format("{} devices", devices), {}});
    co_return co_await save(rollout, std::move(next));
}

// The devices of a rollout as they are stored.
Task<Result<>> Rollouts::bring_back(RunningPtr rollout) {
    const std::string name = rollout->record.document.name;
    const std::size_t waves = rollout->record.waves.size();
    using All = std::vector<std::vector<RolloutPart::Known>>;
    auto read = [this, name, waves]() -> Result<All> {
        All all(sides_.size());
        const auto cursor = hub_.shards().engine().scan(
            Family::metadata, store::prefix_range(rollout_devices_prefix(name)));
        for (cursor->seek_first(); cursor->valid(); cursor->next()) {
            const auto id = rollout_device_of(name, cursor->key());
            TRY(DeviceRecord record, open_device(cursor->key(), cursor->value()));
            if (!id || record.wave >= waves)
                return failure(Code::corrupted, "A device of a rollout has a damaged record",
                               "metadata/" + store::printable(cursor->key()));
            all[hub_.shards().of(id->device).index()].push_back(
                {*id, std::move(record.generation_id), record.wave, record.step});
        }
        TRY_VOID(cursor->status());
        for (auto& known : all)
            std::ranges::sort(known, [](const RolloutPart::Known& a, const RolloutPart::Known& b) {
                return a.wave != b.wave ? a.wave < b.wave : a.id < b.id;
            });
        return all;
    };
    CO_TRY(All known, co_await hub_.shards().off_loop<Result<All>>(std::move(read)));
    auto add = [&](Shard& shard, std::size_t index) {
        return add_devices(*rollout, shard, std::move(known[index]), false);
    };
    co_return co_await hub_.shards().on_all(add);
}

// On the shard's loop. `fresh` ones are written, with the generation that they are of now.
Task<Result<>> Rollouts::add_devices(Running& rollout, Shard& shard,
                                     std::vector<RolloutPart::Known> all, bool fresh) {
    const std::shared_ptr<RolloutPart> part = rollout.parts[shard.index()];
    Side& side = *sides_[shard.index()];
    std::vector<std::pair<std::string, std::string>> records;
    std::size_t since = 0;
    part->expect(all.size());
    side.devices.reserve(side.devices.size() + all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        RolloutPart::Known& known = all[i];
        const TwinId id = known.id;
        bool is_there = true;
        if (fresh) {
            const Result<IdentityView> view = co_await shard.identity(id);
            is_there = view.has_value();
            if (!view && view.error().code != Code::device_not_found &&
                view.error().code != Code::module_not_found)
                co_return std::unexpected(view.error());
            if (is_there) {
                known.generation_id = view->identity->generation_id;
                auto& [key, value] = records.emplace_back();
                key = rollout_device_key(rollout.record.document.name, id);
                seal_device({.generation_id = known.generation_id,
                             .wave = known.wave,
                             .at = hub_.clock().now()},
                            key, value);
            }
        }
        if (is_there) {
            const std::uint32_t number = part->add(std::move(known));
            side.devices[id].push_back({part, number});
        }
        if (++since < chunk && i + 1 < all.size()) continue;
        since = 0;
        if (!records.empty()) {
            CO_TRY_VOID(co_await shard.put_records(std::exchange(records, {})));
        }
        co_await asio::post(shard.executor(), asio::use_awaitable);
    }
    co_return Result<>{};
}

Task<> Rollouts::drop_parts(Running& rollout) {
    std::vector<std::shared_ptr<RolloutPart>> parts = std::move(rollout.parts);
    rollout.parts.clear();
    rollout.has_parts = false;
    auto work = [&](Shard& shard, std::size_t index) -> Task<Result<>> {
        const RolloutPart& part = *parts[index];
        parts[index]->order({});
        Side& side = *sides_[index];
        Moment began = hub_.clock().monotonic();
        for (std::size_t number = 0; number < part.size(); ++number) {
            const auto found = side.devices.find(part.id(number));
            if (found == side.devices.end()) continue;
            std::erase_if(found->second,
                          [&](const Side::Ref& ref) { return ref.part.get() == &part; });
            if (found->second.empty()) side.devices.erase(found);
            if (hub_.clock().monotonic() - began < slice_time) continue;
            co_await asio::post(shard.executor(), asio::use_awaitable);
            began = hub_.clock().monotonic();
        }
        co_return Result<>{};
    };
    const Result<> done = co_await hub_.shards().on_all(work);
    CHECK(done.has_value());
    // Many devices: their memory is given back where nobody waits.
    asio::post(hub_.shards().pool(), [parts = std::move(parts)]() mutable { parts.clear(); });
}

// --- who asks ------------------------------------------------------------------------------------

Task<Result<RolloutDevicePage>> Rollouts::devices(std::string name, RolloutPart::Wanted wanted) {
    CO_TRY(const RolloutPtr view, get(name));
    const std::size_t limit = wanted.limit;
    ++wanted.limit;  // to know whether there are more
    std::vector<std::shared_ptr<RolloutPart>> parts;
    auto ask = [this, &name, &parts]() -> Task<Result<>> {
        if (const RunningPtr rollout = find(name); rollout && rollout->has_parts)
            parts = rollout->parts;
        co_return Result<>{};
    };
    CO_TRY_VOID(co_await Shards::on(hub_.shards().at(0), ask));
    std::vector<ListedDevice> listed;
    if (!parts.empty()) {
        std::vector<std::vector<ListedDevice>> each(parts.size());
        auto work = [&](Shard&, std::size_t index) -> Task<Result<>> {
            each[index] = co_await parts[index]->list(wanted);
            co_return Result<>{};
        };
        CO_TRY_VOID(co_await hub_.shards().on_all(work));
        for (auto& some : each)
            for (ListedDevice& device : some) listed.push_back(std::move(device));
    }
    using Read = std::vector<RolloutDevice>;
    // One that is over, or not yet begun, has only what is stored.
    auto read = [this, &name, &wanted, &listed, live = !parts.empty()]() -> Result<Read> {
        Read found;
        store::Engine& engine = hub_.shards().engine();
        if (live) {
            std::ranges::sort(listed, {}, &ListedDevice::id);
            if (listed.size() > wanted.limit) listed.resize(wanted.limit);
            for (ListedDevice& device : listed) {
                const std::string key = rollout_device_key(name, device.id);
                TRY(const auto value, engine.get(Family::metadata, key));
                RolloutDevice& one = found.emplace_back();
                if (value) {
                    TRY(one.record, open_device(key, *value));
                }
                one.listed = std::move(device);
            }
            return found;
        }
        const auto by_id = [](const RolloutDevice& a, const RolloutDevice& b) {
            return a.listed.id < b.listed.id;
        };
        const auto cursor =
            engine.scan(Family::metadata, store::prefix_range(rollout_devices_prefix(name)));
        for (cursor->seek_first(); cursor->valid(); cursor->next()) {
            const auto id = rollout_device_of(name, cursor->key());
            TRY(DeviceRecord record, open_device(cursor->key(), cursor->value()));
            if (!id || (wanted.wave && record.wave != *wanted.wave) ||
                (wanted.after && *id <= *wanted.after) ||
                (!wanted.state.empty() && wanted.state != name_of(record.step)))
                continue;
            RolloutDevice& one = found.emplace_back();
            one.listed = {.id = *id, .wave = record.wave, .step = record.step};
            one.record = std::move(record);
            std::ranges::push_heap(found, by_id);
            if (found.size() > wanted.limit) {
                std::ranges::pop_heap(found, by_id);
                found.pop_back();
            }
        }
        TRY_VOID(cursor->status());
        std::ranges::sort_heap(found, by_id);
        return found;
    };
    CO_TRY(Read found, co_await hub_.shards().off_loop<Result<Read>>(std::move(read)));
    RolloutDevicePage page;
    page.devices = std::move(found);
    if (page.devices.size() > limit) {
        page.devices.resize(limit);
        page.next = page.devices.back().listed.id;
    }
    co_return page;
}

}  // namespace twinhub::hub

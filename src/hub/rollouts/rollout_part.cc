#include "hub/rollouts/rollout_part.h"

#include "hub/limits.h"
#include "hub/off_loop.h"
#include "twin/apply.h"
#include "twin/drift/assessment.h"
#include "twin/drift/paths.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace twinhub::hub {
namespace {

constexpr std::size_t group_max = 32;    // changed in one turn: about a millisecond
constexpr std::size_t groups_max = 8;    // not yet durable
constexpr std::size_t steps_max = 4096;  // devices passed over in one turn
constexpr std::chrono::seconds retry_after{2};
constexpr std::chrono::hours look_again{24};  // at a window that does not open for weeks

bool is_not_found(Code code) {
    return code == Code::device_not_found || code == Code::module_not_found;
}

// Gives way when the loop has been held for long enough.
class Slice {
public:
    Slice(const Clock& clock, Executor executor)
        : clock_(clock), executor_(std::move(executor)), began_(clock.monotonic()) {}
    bool is_over() const { return clock_.monotonic() - began_ >= slice_time; }
    Task<> give_way() {
        co_await asio::post(executor_, asio::use_awaitable);
        began_ = clock_.monotonic();
    }

private:
    const Clock& clock_;
    Executor executor_;
    Moment began_;
};

}  // namespace

std::string_view state_of(const ListedDevice& device) {
    return device.drift ? twin::drift::name_of(*device.drift) : name_of(device.step);
}

RolloutPart::RolloutPart(Parts parts)
    : parts_(std::move(parts)),
      steps_(parts_.context->document.waves.size()),
      base_(parts_.context->document.waves.size()) {}

std::uint32_t RolloutPart::add(Known known) {
    Device& device = devices_.emplace_back();
    device.id = std::move(known.id);
    device.generation_id = std::move(known.generation_id);
    device.wave = known.wave;
    device.step = known.step;
    count(device, 1);
    return static_cast<std::uint32_t>(devices_.size() - 1);
}

void RolloutPart::count(const Device& device, std::int64_t by) {
    const auto add = [by](std::uint64_t& number) {
        number = static_cast<std::uint64_t>(static_cast<std::int64_t>(number) + by);
    };
    add(steps_[device.wave].of(device.step));
    if (!stands(device)) return;
    Base& base = base_[device.wave];
    add(device.known ? base.states[index_of(device.base)] : base.unknown);
}

template <class Change>
void RolloutPart::change(Device& device, Change change) {
    count(device, -1);
    change();
    count(device, 1);
}

// How the device stands by its documents in what the rollout touches: in the worst state of it.
void RolloutPart::judge(Device& device, const twin::Twin& twin) {
    const twin::drift::Judge judge(twin, parts_.policy, is_edge_runtime(device.id));
    DriftState worst = DriftState::converged;
    Instant desired_at = Instant::min();
    Ticks timeout = Ticks::max();
    Instant unmet_since = never;
    for (const std::string& path : parts_.context->touch.desired_paths()) {
        const auto property = judge.property(path);
        if (!property) continue;
        worst = std::max(worst, property->verdict.state);
        if (property->verdict.state != DriftState::converged)
            unmet_since = std::max(unmet_since, property->verdict.desired_at);
        if (property->verdict.state != DriftState::pending) continue;
        desired_at = std::max(desired_at, property->verdict.desired_at);
        timeout = std::min(timeout, judge.policy().property(path).pending_timeout);
    }
    change(device, [&] {
        device.base = worst;
        device.known = true;
        device.desired_at = desired_at;
        device.timeout = timeout;
        device.unmet_since = unmet_since;
    });
}

RolloutPart::DriftState RolloutPart::shown(const Device& device, Instant now) const {
    if (!device.known) return DriftState::pending;
    if (device.base != DriftState::pending) return device.base;
    const Presence presence = parts_.shard.presence_of(device.id, Presence{});
    return twin::drift::overlaid(device.desired_at, device.timeout, connection_of(presence), now);
}

void RolloutPart::twin_changed(std::uint32_t number, const State& before, const State& after) {
    Device& device = devices_[number];
    const bool lives = after.exists() && after.identity->generation_id == device.generation_id;
    if (!lives) {
        // What was taken back or could not be is history already.
        if (device.step == DeviceStep::waiting || stands(device)) {
            change(device, [&] { device.step = DeviceStep::gone; });
            parts_.metrics.device(DeviceStep::gone);
        }
        return;
    }
    if (device.step == DeviceStep::waiting && before.exists() &&
        after.twin.tags != before.twin.tags)
        device.not_before = never;  // it may have moved to another zone
    if (!stands(device) && !device.busy) return;
    const Instant wished = device.unmet_since;
    judge(device, after.twin);
    if (device.step != DeviceStep::told || device.base != DriftState::converged || wished == never)
        return;
    const std::chrono::duration<double> took = after.twin.reported.stamp().updated - wished;
    if (took.count() >= 0)
        parts_.converge_times.observe(parts_.context->document.name, took.count());
}

void RolloutPart::order(PartOrders orders) {
    if (orders.what != orders_.what || orders.wave != orders_.wave) cursor_ = 0;
    orders_ = std::move(orders);
}

// Those of the wave that wait to be told, or those whose change is to be taken back.
RolloutPart::Group RolloutPart::next_group() {
    Group group;
    if (orders_.what == PartOrders::What::rest) return group;
    const Instant now = parts_.clock.now();
    std::size_t end = devices_.size();
    std::size_t wanted = group_max;
    if (orders_.tells()) {
        const auto [first, last] =
            std::ranges::equal_range(devices_, orders_.wave, {}, &Device::wave);
        cursor_ = std::max(cursor_, static_cast<std::size_t>(first - devices_.begin()));
        end = static_cast<std::size_t>(last - devices_.begin());
        if (orders_.tokens)
            wanted = std::min(wanted, static_cast<std::size_t>(std::max(*orders_.tokens, 0.0)));
    }
    const DeviceStep step = orders_.tells() ? DeviceStep::waiting : DeviceStep::told;
    for (std::size_t steps = 0; steps < steps_max && cursor_ < end && group.size() < wanted;
         ++steps, ++cursor_) {
        const Device& device = devices_[cursor_];
        if (device.step != step || device.busy || device.not_before > now) continue;
        group.push_back(static_cast<std::uint32_t>(cursor_));
    }
    if (orders_.tells() && orders_.tokens) *orders_.tokens -= static_cast<double>(group.size());
    return group;
}

void RolloutPart::pump() {
    if (std::exchange(pumping_, true)) return;
    while (groups_ < groups_max) {
        const std::size_t before = cursor_;
        Group group = next_group();
        if (group.empty() && cursor_ == before) break;  // all are passed; the next turn begins anew
        if (group.empty()) {
            // Many had nothing to be done: on with them in the next turn of the loop.
            asio::post(parts_.shard.executor(), [self = shared_from_this()] { self->pump(); });
            break;
        }
        for (const std::uint32_t number : group) {
            devices_[number].busy = true;
            ++busy_;
        }
        ++groups_;
        asio::co_spawn(parts_.shard.executor(), run(shared_from_this(), std::move(group), orders_),
                       asio::detached);
    }
    pumping_ = false;
}

// When the window of a device is closed: until when it waits. Nothing: it is open, or there is
// none.
std::optional<RolloutPart::Outcome> RolloutPart::closed(const State& newest) {
    const auto& window = parts_.context->document.window;
    if (!window) return std::nullopt;
    const Instant now = parts_.clock.now();
    Zones::Found found{true, nullptr};
    if (!window->zone_tag.empty()) {
        const auto keys = twin::drift::keys_of(window->zone_tag);
        const twin::Node* const tag = twin::drift::node_at(newest.twin.tags, keys);
        if (tag != nullptr && !tag->is_object() && tag->leaf().is_string())
            found = parts_.context->zones->find(tag->leaf().get_string());
    }
    if (found.known && !found.zone) found = parts_.context->zones->find(window->zone);
    Outcome later{.came = Came::later, .until = now + std::chrono::seconds{1}};
    if (!found.known) return later;  // it is being read
    static const TimeZone utc;
    const TimeZone& zone = found.zone ? *found.zone : utc;
    if (is_open(*window, zone, now)) return std::nullopt;
    later.until = next_open(*window, zone, now).value_or(now + look_again);
    later.deferred = true;
    return later;
}

// The evidence goes into the commit that the change is in.
void RolloutPart::put(const Device& device, DeviceRecord record, DeviceStep step) {
    record.generation_id = device.generation_id;
    record.wave = device.wave;
    record.step = step;
    record.at = parts_.clock.now();
    const std::string key = rollout_device_key(parts_.context->document.name, device.id);
    std::string value;
    seal_device(record, key, value);
    parts_.shard.put_beside(key, value);
}

Result<RolloutPart::Update> RolloutPart::tell_one(Device& device, const State& newest,
                                                  Outcome& outcome) {
    if (newest.identity->generation_id != device.generation_id) {
        outcome = {Came::step, DeviceStep::gone};
        return Update{};
    }
    if (const auto later = closed(newest)) {
        outcome = *later;
        return Update{};
    }
    const auto fail = [&](const Error& error) {
        put(device, {.message = error.message}, DeviceStep::failed);
        outcome = {Came::step, DeviceStep::failed};
        return Update{};
    };
    auto step = parts_.context->touch.step(newest.twin);
    if (!step) return fail(step.error());
    if (!step->update) {
        judge(device, newest.twin);
        put(device, {}, DeviceStep::same);
        outcome = {Came::step, DeviceStep::same};
        return Update{};
    }
    const auto applied = twin::apply(newest.twin, *step->update, parts_.clock.now());
    if (!applied) return fail(applied.error());
    put(device, {.leaves = std::move(step->leaves)}, DeviceStep::told);
    outcome = {Came::step, DeviceStep::told};
    return std::move(step->update);
}

Result<RolloutPart::Update> RolloutPart::take_back(Device& device, const State& newest,
                                                   DeviceRecord record, Outcome& outcome) {
    if (newest.identity->generation_id != device.generation_id) {
        outcome = {Came::step, DeviceStep::gone};
        return Update{};
    }
    const auto keep = [&](std::string why) {
        record.message = std::move(why);
        put(device, std::move(record), DeviceStep::kept);
        outcome = {Came::step, DeviceStep::kept};
        return Update{};
    };
    auto back = way_back(record.leaves, newest.twin);
    if (!back) return keep(back.error().message);
    if (back->restored == 0) return keep("somebody has changed the values since");
    if (back->update) {
        const auto applied = twin::apply(newest.twin, *back->update, parts_.clock.now());
        if (!applied) return keep(applied.error().message);
    }
    record.message = back->skipped == 0 ? std::string()
                                        : std::to_string(back->skipped) +
                                              " values stay: somebody has changed them since";
    put(device, std::move(record), DeviceStep::restored);
    outcome = {Came::step, DeviceStep::restored};
    return std::move(back->update);
}

// May wait for the disk.
Task<std::vector<Result<DeviceRecord>>> RolloutPart::read_records(Group group) {
    std::vector<std::string> keys;
    for (const std::uint32_t number : group)
        keys.push_back(rollout_device_key(parts_.context->document.name, devices_[number].id));
    auto read = [this, keys = std::move(keys)] {
        std::vector<Result<DeviceRecord>> records;
        for (const std::string& key : keys) {
            auto value = parts_.engine.get(store::Family::metadata, key);
            if (!value) records.push_back(std::unexpected(value.error()));
            else if (!*value)
                records.push_back(failure(Code::corrupted, "What a rollout did is not there"));
            else records.push_back(open_device(key, **value));
        }
        return records;
    };
    co_return co_await off_loop<std::vector<Result<DeviceRecord>>>(parts_.pool, std::move(read));
}

Task<> RolloutPart::run(std::shared_ptr<RolloutPart> self, Group group, PartOrders orders) {
    RolloutPart& part = *self;
    const bool back = !orders.tells();
    std::vector<TwinId> ids;
    for (const std::uint32_t number : group) ids.push_back(part.devices_[number].id);
    std::vector<Outcome> outcomes(group.size());
    std::vector<Result<DeviceRecord>> records;
    if (back) records = co_await part.read_records(group);
    Shard::MakeUpdate make = [&](std::size_t i, const State& newest) -> Result<Update> {
        Device& device = part.devices_[group[i]];
        if (!back) return part.tell_one(device, newest, outcomes[i]);
        if (!records[i]) return std::unexpected(records[i].error());
        return part.take_back(device, newest, std::move(*records[i]), outcomes[i]);
    };
    const std::vector<Result<Shard::Changed>> results = co_await part.parts_.shard.update_twins(
        std::move(ids), std::move(make), std::move(orders.author));
    part.came(std::move(group), outcomes, results);
}

// What became of a group is durable, or lost: then its devices are tried again.
void RolloutPart::came(Group group, const std::vector<Outcome>& outcomes,
                       const std::vector<Result<Shard::Changed>>& results) {
    const Instant now = parts_.clock.now();
    bool lost = false;
    for (std::size_t i = 0; i < group.size(); ++i) {
        Device& device = devices_[group[i]];
        device.busy = false;
        device.deferred = false;
        --busy_;
        Outcome outcome = outcomes[i];
        if (!results[i]) {
            if (is_not_found(results[i].error().code)) {
                outcome = {Came::step, DeviceStep::gone};
            } else if (results[i].error().code == Code::corrupted) {
                // Nothing can be done for it before somebody has repaired its record.
                outcome = {Came::step,
                           device.step == DeviceStep::told ? DeviceStep::kept : DeviceStep::failed};
            } else {
                outcome = {Came::later, DeviceStep::waiting, now + retry_after};
                lost = true;
            }
        }
        if (outcome.came == Came::later) {
            device.not_before = outcome.until;
            device.deferred = outcome.deferred;
        } else if (outcome.came == Came::step && device.step != DeviceStep::gone) {
            change(device, [&] { device.step = outcome.step; });
            parts_.metrics.device(outcome.step);
        }
    }
    if (lost) parts_.metrics.retried.Increment();
    --groups_;
    pump();
}

Task<> RolloutPart::look() {
    cursor_ = 0;  // devices whose time has come may be anywhere
    if (std::exchange(looking_, true)) co_return;
    const std::shared_ptr<RolloutPart> self = shared_from_this();
    Slice slice(parts_.clock, parts_.shard.executor());
    std::vector<Base> found(base_.size());
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        if (stands(devices_[i]) && !devices_[i].known) {
            const Result<TwinView> view = co_await parts_.shard.view(devices_[i].id);
            Device& device = devices_[i];
            if (view && view->identity->generation_id == device.generation_id) {
                if (!device.known) judge(device, view->twin);
            } else if (view || is_not_found(view.error().code)) {
                change(device, [&] { device.step = DeviceStep::gone; });
            }
        }
        const Device& device = devices_[i];
        if (stands(device) && device.known && device.base == DriftState::pending) {
            const DriftState state = shown(device, parts_.clock.now());
            if (state == DriftState::offline) ++found[device.wave].offline;
            if (state == DriftState::stale) ++found[device.wave].stale;
        }
        if (slice.is_over()) co_await slice.give_way();
    }
    for (std::size_t wave = 0; wave < base_.size(); ++wave) {
        base_[wave].offline = found[wave].offline;
        base_[wave].stale = found[wave].stale;
    }
    looking_ = false;
}

RolloutPart::Standing RolloutPart::standing() const {
    Standing made{.waves = steps_, .busy = busy_};
    for (std::size_t wave = 0; wave < base_.size(); ++wave) {
        const Base& base = base_[wave];
        auto& drift = made.waves[wave].drift;
        drift = base.states;
        std::uint64_t& pending = drift[index_of(DriftState::pending)];
        // They were counted a moment ago, each by itself.
        const std::uint64_t offline = std::min(base.offline, pending);
        pending -= offline;
        const std::uint64_t stale = std::min(base.stale, pending);
        pending -= stale;
        pending += base.unknown;
        drift[index_of(DriftState::offline)] = offline;
        drift[index_of(DriftState::stale)] = stale;
        made.unknown += base.unknown;
    }
    if (orders_.tells()) {
        const auto range = std::ranges::equal_range(devices_, orders_.wave, {}, &Device::wave);
        std::size_t looked = 0;
        for (const Device& device : range) {
            if (++looked > steps_max) break;
            if (device.step == DeviceStep::waiting && device.deferred &&
                (!made.opens || device.not_before < *made.opens))
                made.opens = device.not_before;
        }
    }
    return made;
}

Task<std::vector<ListedDevice>> RolloutPart::list(Wanted wanted) {
    const std::shared_ptr<RolloutPart> self = shared_from_this();
    Slice slice(parts_.clock, parts_.shard.executor());
    std::vector<ListedDevice> found;
    const auto by_id = [](const ListedDevice& a, const ListedDevice& b) { return a.id < b.id; };
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        if (slice.is_over()) co_await slice.give_way();
        const Device& device = devices_[i];
        if (wanted.wave && device.wave != *wanted.wave) continue;
        if (wanted.after && device.id <= *wanted.after) continue;
        ListedDevice made{.id = device.id, .wave = device.wave, .step = device.step};
        if (stands(device)) made.drift = shown(device, parts_.clock.now());
        if (device.step == DeviceStep::waiting && device.deferred)
            made.not_before = device.not_before;
        const bool fits = wanted.state.empty() || wanted.state == state_of(made) ||
                          wanted.state == name_of(made.step);
        if (!fits) continue;
        // The smallest so far, as a heap with the greatest on top.
        found.push_back(std::move(made));
        std::ranges::push_heap(found, by_id);
        if (found.size() > wanted.limit) {
            std::ranges::pop_heap(found, by_id);
            found.pop_back();
        }
    }
    std::ranges::sort_heap(found, by_id);
    co_return found;
}

}  // namespace twinhub::hub

#pragma once

#include "base/result.h"
#include "base/shared_value.h"
#include "base/task.h"
#include "hub/device_events.h"
#include "hub/rollouts/gates.h"
#include "hub/rollouts/plan.h"
#include "hub/rollouts/record.h"
#include "hub/rollouts/rollout_part.h"
#include "hub/twin_watch.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

class Hub;

// A rollout as it was a moment ago.
struct RolloutView {
    RolloutRecord record;
    std::vector<WaveCounts> waves;
    std::string now;               // what it is waiting for, in one sentence; empty when it is over
    std::optional<Instant> opens;  // when the next maintenance window opens that it waits for
    Instant at{};
    std::uint64_t number = 0;  // rises with every view of it
};
using RolloutPtr = std::shared_ptr<const RolloutView>;

// A device of a rollout with what was done to it.
struct RolloutDevice {
    ListedDevice listed;
    std::optional<DeviceRecord> record;  // once something was
};
struct RolloutDevicePage {
    std::vector<RolloutDevice> devices;  // in the order of their ids
    std::optional<TwinId> next;          // behind which the next page begins
};

// Changes of a fleet in waves that stop by themselves (docs/rollouts.md).
//
// What a rollout is and how far is one record, what it did to a device another, written in the
// commit of the change itself. The rest follows from them: after a restart it goes on where it was.
// Callable on any loop.
class Rollouts final : public TwinWatch {
public:
    explicit Rollouts(Hub& hub);
    ~Rollouts() override;

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();
    void twin_changed(const TwinId& id, const State& before, const State& after) override;

    // What it would do; nothing is written. Errors: those of make_plan.
    Task<Result<RolloutPlan>> plan(RolloutDocument document, RolloutAsker asker);
    // A draft from a plan, new or in the place of an older draft. Errors: argument_invalid (no plan
    // of this hub, of another name, or of every device without confirmation), conflict (it has been
    // started).
    Task<Result<RolloutPtr>> put(std::string name, std::string plan, Author author);
    // Errors: not_found.
    Result<RolloutPtr> get(std::string_view name) const;
    std::vector<RolloutPtr> list() const;  // by name

    struct Order {
        RolloutAction action = RolloutAction::pause;
        std::string confirm;  // the rollout's name: to go on past a gate that failed
        Author author;        // with the reason
    };
    // Errors: not_found; conflict in another state, and when the fleet has moved since the plan;
    // argument_invalid without the reason or the confirmation that it needs.
    Task<Result<RolloutPtr>> act(std::string name, Order order);
    // A draft, or one that is over, with all that is known of its devices. Errors: not_found,
    // conflict.
    Task<Result<>> remove(std::string name);
    // Errors: not_found.
    Task<Result<RolloutDevicePage>> devices(std::string name, RolloutPart::Wanted wanted);

    // Where it stands, when that changes (state_event.h); and rolloutDeviceFailed
    // (failure_event.h), once for each device that a wave leaves behind refused, drifted or silent
    // when the next one begins or the rollout is over. Passing by.
    DeviceEvents& events() { return events_; }

private:
    struct Running;
    struct Side;
    struct Stored;
    using RunningPtr = std::shared_ptr<Running>;

    RunningPtr find(std::string_view name) const;
    Task<Result<>> save(RunningPtr rollout, RolloutRecord next);
    void show(Running& rollout);
    void publish();
    void begin_turn();
    Task<> turn();
    Task<> turn_of(RunningPtr rollout);
    Task<Result<>> install(RunningPtr rollout);
    Task<Result<>> prepare(RunningPtr rollout);
    Task<Result<>> bring_back(RunningPtr rollout);
    Task<Result<>> add_devices(Running& rollout, Shard& shard, std::vector<RolloutPart::Known> all,
                               bool fresh);
    Task<> drop_parts(Running& rollout);
    void open_part(Running& rollout, Shard& shard);
    PartOrders orders_of(Running& rollout, Ticks passed) const;
    Task<> gather(Running& rollout, PartOrders orders, bool look);
    Task<> judge_wave(RunningPtr rollout);
    Task<> tell_failures(RunningPtr rollout, std::uint32_t wave);
    void log(const RolloutRecord& record, const LogLine& line) const;

    Task<Result<RolloutPtr>> put_here(std::string name, std::string plan, Author author);
    Task<Result<RolloutPtr>> act_here(std::string name, Order order);
    Task<Result<>> remove_here(std::string name);
    Task<Result<std::string>> key();
    Task<Result<>> check_moved(const RolloutRecord& record, RolloutAsker asker);

    Hub& hub_;
    DeviceEvents events_;
    std::unique_ptr<Stored> stored_;
    std::vector<std::unique_ptr<Side>> sides_;                 // one a shard
    std::map<std::string, RunningPtr, std::less<>> rollouts_;  // of the first loop
    using Views = std::map<std::string, RolloutPtr, std::less<>>;
    SharedValue<const Views> views_{std::make_shared<const Views>()};
    std::shared_ptr<Zones> zones_;
    std::string key_;
    bool turning_ = false;
    Moment next_turn_{};
    Moment next_look_{};
    Moment last_turn_{};
    std::uint64_t number_ = 0;
};

}  // namespace twinhub::hub

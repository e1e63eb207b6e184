#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "hub/drift/converge_histogram.h"
#include "hub/rollouts/metrics.h"
#include "hub/rollouts/record.h"
#include "hub/rollouts/zones.h"
#include "hub/shard.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace twinhub::hub {

// What every shard knows of one rollout. Does not change while it goes on.
struct RolloutContext {
    RolloutDocument document;
    Touch touch;
    std::shared_ptr<Zones> zones;
};

// What a part is to do now.
struct PartOrders {
    enum class What : std::uint8_t { rest, tell, back };
    What what = What::rest;
    std::uint32_t wave = 0;        // whose devices are told
    Author author;                 // who changes them
    std::optional<double> tokens;  // so many more may be told; nothing: no limit

    bool tells() const { return what == What::tell; }
};

// A device as it is listed.
struct ListedDevice {
    TwinId id;
    std::uint32_t wave = 0;
    DeviceStep step = DeviceStep::waiting;
    std::optional<twin::drift::State> drift;  // of those told, and those that were so already
    std::optional<Instant> not_before;        // waiting: when its window opens
};
// "told" shows as how its device stands: "converged", "rejected", ...
std::string_view state_of(const ListedDevice& device);

// The devices of one rollout on one shard, on its loop: tells them, takes it back, and knows how
// they stand by following their twins. What becomes of a device is written in the commit that
// changes its twin, so a restart finds each device either changed or not, and never twice.
class RolloutPart : public std::enable_shared_from_this<RolloutPart> {
public:
    struct Parts {
        Shard& shard;
        store::Engine& engine;
        const Clock& clock;
        const twin::drift::Policy& policy;
        RolloutMetrics& metrics;
        ConvergeHistogram& converge_times;  // by rollout
        Executor pool;
        std::shared_ptr<const RolloutContext> context;
    };
    explicit RolloutPart(Parts parts);

    // A device with what is stored of it. Waves must not fall from one to the next.
    struct Known {
        TwinId id;
        std::string generation_id;
        std::uint32_t wave = 0;
        DeviceStep step = DeviceStep::waiting;
    };
    std::uint32_t add(Known known);  // its number
    void expect(std::size_t devices) { devices_.reserve(devices); }

    void order(PartOrders orders);
    // Goes on with the orders; returns soon.
    void pump();
    // Looks again at whom the rollout waits for, and at those of whom nothing is known yet. In
    // slices.
    Task<> look();

    void twin_changed(std::uint32_t number, const State& before, const State& after);

    struct Standing {
        std::vector<WaveCounts> waves;
        std::uint64_t unknown = 0;     // told, and not looked at since the start
        std::uint64_t busy = 0;        // being changed
        std::optional<Instant> opens;  // when the next window of a waiting device opens
    };
    Standing standing() const;
    bool is_idle() const { return busy_ == 0; }
    const RolloutContext& context() const { return *parts_.context; }
    double tokens_left() const { return orders_.tokens.value_or(0); }
    std::size_t size() const { return devices_.size(); }
    const TwinId& id(std::size_t number) const { return devices_[number].id; }

    // Those in the given state and wave, behind `after` by their ids; in slices.
    struct Wanted {
        std::string state;  // "": any
        std::optional<std::uint32_t> wave;
        std::optional<TwinId> after;
        std::size_t limit = 100;
    };
    Task<std::vector<ListedDevice>> list(Wanted wanted);

private:
    using DriftState = twin::drift::State;
    struct Device {
        TwinId id;
        std::string generation_id;
        std::uint32_t wave = 0;
        DeviceStep step = DeviceStep::waiting;
        DriftState base = DriftState::pending;  // by the documents
        bool known = false;                     // `base` is
        bool busy = false;
        bool deferred = false;  // its window is closed
        Instant not_before = never;
        Instant desired_at{};  // of what is waited for
        Ticks timeout{};
        Instant unmet_since = never;  // when the newest of what it does not meet was desired
    };
    struct Base {
        std::array<std::uint64_t, twin::drift::state_count> states{};
        std::uint64_t unknown = 0, offline = 0, stale = 0;
    };
    enum class Came : std::uint8_t { nothing, step, later };
    struct Outcome {
        Came came = Came::nothing;
        DeviceStep step = DeviceStep::waiting;
        Instant until{};
        bool deferred = false;
    };
    using Group = std::vector<std::uint32_t>;
    using Update = std::optional<twin::ServiceUpdate>;

    bool stands(const Device& device) const {
        return device.step == DeviceStep::told || device.step == DeviceStep::same;
    }
    void count(const Device& device, std::int64_t by);
    template <class Change>
    void change(Device& device, Change change);
    void judge(Device& device, const twin::Twin& twin);
    DriftState shown(const Device& device, Instant now) const;

    Group next_group();
    static Task<> run(std::shared_ptr<RolloutPart> self, Group group, PartOrders orders);
    Result<Update> tell_one(Device& device, const State& newest, Outcome& outcome);
    Result<Update> take_back(Device& device, const State& newest, DeviceRecord record,
                             Outcome& outcome);
    std::optional<Outcome> closed(const State& newest);
    void put(const Device& device, DeviceRecord record, DeviceStep step);
    void came(Group group, const std::vector<Outcome>& outcomes,
              const std::vector<Result<Shard::Changed>>& results);
    Task<std::vector<Result<DeviceRecord>>> read_records(Group group);

    Parts parts_;
    std::vector<Device> devices_;  // by wave
    std::vector<WaveCounts> steps_;
    std::vector<Base> base_;
    PartOrders orders_;
    std::size_t cursor_ = 0;  // where the search for the next group goes on
    std::size_t groups_ = 0;  // under way
    std::uint64_t busy_ = 0;
    bool looking_ = false;
    bool pumping_ = false;
};

}  // namespace twinhub::hub

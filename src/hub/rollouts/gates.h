#pragma once

#include "base/time.h"
#include "hub/rollouts/document.h"
#include "twin/drift/state.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::hub {

// What has become of one device of a rollout. Stored: never renumber.
enum class DeviceStep : std::uint8_t {
    waiting = 0,   // not told yet
    told = 1,      // the rollout changed its twin
    same = 2,      // the twin was as wanted already
    failed = 3,    // the twin cannot take it (too large, too deep)
    gone = 4,      // deleted, or another one of the same name by now
    restored = 5,  // the change was taken back
    kept = 6,      // it was not, because somebody has changed the values since
};
inline constexpr std::size_t device_step_count = 7;
std::string_view name_of(DeviceStep step);

// The devices of a wave, counted.
struct WaveCounts {
    std::array<std::uint64_t, device_step_count> steps{};
    // Those told and those that were so already, by the drift of what the rollout touches; without
    // anything to watch they count as converged.
    std::array<std::uint64_t, twin::drift::state_count> drift{};

    std::uint64_t& of(DeviceStep step) { return steps[static_cast<std::size_t>(step)]; }
    std::uint64_t of(DeviceStep step) const { return steps[static_cast<std::size_t>(step)]; }
    std::uint64_t of(twin::drift::State state) const { return drift[index_of(state)]; }
    std::uint64_t total() const;
    WaveCounts& operator+=(const WaveCounts& other);
    friend bool operator==(const WaveCounts&, const WaveCounts&) = default;
};

// How far a wave is; kept with the rollout.
struct WaveProgress {
    std::optional<Instant> began;
    std::optional<Instant> told;    // since when nobody waits to be told
    std::optional<Instant> met;     // since when its gates are met
    std::optional<Instant> passed;  // then the next one began
    bool waived = false;            // an operator went on past its gates

    friend bool operator==(const WaveProgress&, const WaveProgress&) = default;
};

// The three small numbers of a wave, against their limits.
struct GateReading {
    double converged = 0;  // of those that are waited for
    double rejected = 0;   // of those that there are
    double offline = 0;
    bool converged_enough = false;
    bool rejected_too_many = false;
};
GateReading read_gates(const Gates& gates, const WaveCounts& counts);

// What is to be done with a wave now. Pure: the same document, counts and time give the same
// answer.
struct Decision {
    enum class Kind : std::uint8_t { wait, pass, fail };
    Kind kind = Kind::wait;
    std::string reason;     // one sentence, for people
    WaveProgress progress;  // as it is from now on
};
Decision decide(const Gates& gates, const WaveCounts& counts, const WaveProgress& progress,
                Instant now);

// Where a rollout stands. Stored by name.
enum class RolloutState : std::uint8_t {
    draft,     // planned, not started
    starting,  // its devices are being chosen
    running,
    paused,  // by an operator
    held,    // by a gate
    halted,  // for good
    rolling_back,
    rolled_back,
    completed
};
std::string_view name_of(RolloutState state);
std::optional<RolloutState> rollout_state_of(std::string_view name);
inline bool is_at_work(RolloutState state) {
    return state == RolloutState::starting || state == RolloutState::running ||
           state == RolloutState::rolling_back;
}
// Nothing happens to its devices any more, unless somebody asks for it.
inline bool is_over(RolloutState state) {
    return state == RolloutState::halted || state == RolloutState::rolled_back ||
           state == RolloutState::completed;
}

enum class RolloutAction : std::uint8_t { start, pause, resume, abort, rollback };
std::string_view name_of(RolloutAction action);
std::optional<RolloutAction> rollout_action_of(std::string_view name);

// Where an action leads. Errors: conflict when it makes no sense in that state.
Result<RolloutState> state_after(RolloutState state, RolloutAction action);

}  // namespace twinhub::hub

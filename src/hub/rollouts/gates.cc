#include "hub/rollouts/gates.h"

#include "hub/rollouts/duration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace twinhub::hub {

using DriftState = twin::drift::State;

namespace {

constexpr std::array<std::string_view, device_step_count> step_names{
    "waiting", "told", "same", "failed", "gone", "restored", "kept"};
constexpr std::array<std::string_view, 9> state_names{"draft",       "starting",   "running",
                                                      "paused",      "held",       "halted",
                                                      "rollingBack", "rolledBack", "completed"};
constexpr std::array<std::string_view, 5> action_names{"start", "pause", "resume", "abort",
                                                       "rollback"};

std::string percent(double share) {
    std::string text = fmt::format("{:.1f}", share * 100);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text + "%";
}

double share(std::uint64_t part, std::uint64_t of) {
    return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of);
}

// Shares are compared with a hair of room: 0.97 of 100 is 97.
constexpr double hair = 1e-9;

}  // namespace

std::string_view name_of(DeviceStep step) { return step_names[static_cast<std::size_t>(step)]; }
std::string_view name_of(RolloutState state) {
    return state_names[static_cast<std::size_t>(state)];
}
std::string_view name_of(RolloutAction action) {
    return action_names[static_cast<std::size_t>(action)];
}
std::optional<RolloutState> rollout_state_of(std::string_view name) {
    const auto* const found = std::ranges::find(state_names, name);
    if (found == state_names.end()) return std::nullopt;
    return static_cast<RolloutState>(found - state_names.begin());
}
std::optional<RolloutAction> rollout_action_of(std::string_view name) {
    const auto* const found = std::ranges::find(action_names, name);
    if (found == action_names.end()) return std::nullopt;
    return static_cast<RolloutAction>(found - action_names.begin());
}

std::uint64_t WaveCounts::total() const {
    return std::accumulate(steps.begin(), steps.end(), std::uint64_t{0});
}

WaveCounts& WaveCounts::operator+=(const WaveCounts& other) {
    for (std::size_t i = 0; i < steps.size(); ++i) steps[i] += other.steps[i];
    for (std::size_t i = 0; i < drift.size(); ++i) drift[i] += other.drift[i];
    return *this;
}

GateReading read_gates(const Gates& gates, const WaveCounts& counts) {
    GateReading reading;
    const std::uint64_t there = counts.total() - counts.of(DeviceStep::gone);
    const std::uint64_t refused = counts.of(DriftState::rejected) + counts.of(DeviceStep::failed);
    const std::uint64_t offline = counts.of(DriftState::offline);
    reading.rejected = share(refused, there);
    reading.offline = share(offline, there);
    const auto allowed = static_cast<std::uint64_t>(
        std::floor(gates.offline_allowance * static_cast<double>(there) + hair));
    const std::uint64_t waited_for = there - std::min(offline, allowed);
    reading.converged = waited_for == 0 ? 1 : share(counts.of(DriftState::converged), waited_for);
    reading.converged_enough =
        !gates.converged_at_least || reading.converged + hair >= *gates.converged_at_least;
    reading.rejected_too_many =
        gates.rejected_at_most && reading.rejected > *gates.rejected_at_most + hair;
    return reading;
}

Decision decide(const Gates& gates, const WaveCounts& counts, const WaveProgress& progress,
                Instant now) {
    Decision made{.kind = Decision::Kind::wait, .reason = {}, .progress = progress};
    WaveProgress& next = made.progress;
    if (!next.began) next.began = now;
    const std::uint64_t waiting = counts.of(DeviceStep::waiting);
    if (waiting != 0) next.told.reset();
    else if (!next.told) next.told = now;
    const GateReading reading = read_gates(gates, counts);

    // Devices that refuse do not come back by waiting: the sooner it stops, the fewer are hit.
    if (reading.rejected_too_many && !next.waived) {
        next.met.reset();
        made.kind = Decision::Kind::fail;
        made.reason = fmt::format("{} rejected, limit {}", percent(reading.rejected),
                                  percent(*gates.rejected_at_most));
        return made;
    }
    if (waiting != 0) {
        next.met.reset();
        made.reason = fmt::format("{} devices are still to be told", waiting);
        return made;
    }
    const auto pass = [&](std::string reason) {
        made.kind = Decision::Kind::pass;
        made.reason = std::move(reason);
        next.passed = now;
        return made;
    };
    if (counts.total() == 0) return pass("it has no devices");
    if (next.waived) return pass("an operator went on past its gates");
    const std::uint64_t open = gates.settled ? counts.of(DriftState::pending) : 0;
    const bool in_time = !gates.timeout || now - *next.told < *gates.timeout;
    if (reading.converged_enough && open != 0 && in_time) {
        next.met.reset();
        made.reason = fmt::format("good, but {} devices have not answered yet", open);
    } else if (reading.converged_enough) {
        if (!next.met) next.met = now;
        // A clock that was set back begins the soak anew.
        if (*next.met > now) next.met = now;
        if (now - *next.met >= gates.soak)
            return pass(gates.converged_at_least
                            ? fmt::format("{} converged, wanted {}", percent(reading.converged),
                                          percent(*gates.converged_at_least))
                            : "all its devices are told");
        made.reason =
            fmt::format("good, for {} of {}",
                        duration_text(std::chrono::floor<std::chrono::seconds>(now - *next.met)),
                        duration_text(gates.soak));
    } else {
        next.met.reset();
        made.reason = fmt::format("{} converged, wanted {}", percent(reading.converged),
                                  percent(*gates.converged_at_least));
    }
    if (gates.timeout && now - *next.told >= *gates.timeout) {
        made.kind = Decision::Kind::fail;
        made.reason += fmt::format(", not good within {}", duration_text(*gates.timeout));
    }
    return made;
}

Result<RolloutState> state_after(RolloutState state, RolloutAction action) {
    using enum RolloutState;
    const auto one_of = [state](std::initializer_list<RolloutState> list) {
        return std::ranges::find(list, state) != list.end();
    };
    switch (action) {
        case RolloutAction::start:
            if (state == draft) return starting;
            break;
        case RolloutAction::pause:
            if (state == running) return paused;
            break;
        case RolloutAction::resume:
            if (one_of({paused, held})) return running;
            break;
        case RolloutAction::abort:
            if (one_of({starting, running, paused, held, rolling_back})) return halted;
            break;
        case RolloutAction::rollback:
            if (one_of({running, paused, held, halted, completed})) return rolling_back;
            break;
    }
    return failure(Code::conflict,
                   fmt::format("The rollout is {}: it cannot {}", name_of(state), name_of(action)));
}

}  // namespace twinhub::hub

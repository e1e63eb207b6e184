#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace twinhub::twin::drift {

// How far a device is from what is desired of it (spec twin-document 15.2), from nothing to worry
// about to the worst: a twin is in the worst state of its properties. Stored: never renumber.
enum class State : std::uint8_t {
    untracked = 0,  // nothing is desired
    converged = 1,
    pending = 2,
    offline = 3,  // pending, and not connected
    stale = 4,    // pending for longer than the policy allows, though connected
    drifted = 5,
    rejected = 6
};
inline constexpr std::array states{State::untracked, State::converged, State::pending,
                                   State::offline,   State::stale,     State::drifted,
                                   State::rejected};
inline constexpr std::size_t state_count = states.size();

// Why (the rows of spec twin-document 15.2, and those of the adapters). Stored: never renumber.
enum class Reason : std::uint8_t {
    none = 0,
    acknowledged = 1,
    mirrored = 2,
    ack_behind = 3,
    in_progress = 4,
    unreported = 5,
    report_older = 6,
    refused = 7,
    failed = 8,
    adjusted = 9,
    differs = 10,
    extra = 11  // reported and not desired, where the policy is strict
};
inline constexpr std::size_t reason_count = 12;

// Their names in answers, queries and events: "pending", "ack-behind"; "" for Reason::none.
std::string_view name_of(State state);
std::string_view name_of(Reason reason);
std::optional<State> state_of(std::string_view name);

inline std::size_t index_of(State state) { return static_cast<std::size_t>(state); }
// Waits for the device, in whatever way.
inline bool is_waiting(State state) {
    return state == State::pending || state == State::offline || state == State::stale;
}

}  // namespace twinhub::twin::drift

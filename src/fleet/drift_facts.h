#pragma once

#include "base/time.h"
#include "twin/drift/state.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::fleet {

// What a row shows of its twin's drift (pseudo-paths below $drift).
struct DriftFacts {
    twin::drift::State state = twin::drift::State::untracked;
    Instant since = never;
    twin::drift::Reason reason = twin::drift::Reason::none;  // of the first of the worst properties
    std::string_view path;                                   // the same; empty: there is none
    std::optional<std::int64_t> code;
    std::string_view words;
    std::optional<double> converge_seconds;  // how long it took to converge the last time
    std::array<std::uint32_t, twin::drift::state_count> counts{};  // properties by state
};

// How a place in desired stands: a property, or an object with the worst below it. Only of places
// that are not converged; nothing takes it away.
struct DriftCell {
    std::string_view path;  // below desired, keys joined by dots
    std::optional<twin::drift::State> state;
};

struct DriftRow {
    DriftFacts facts;
    std::span<const DriftCell> cells;
};

// What a connection changes of it: all properties that wait, wait in the same way now.
struct DriftOverlay {
    twin::drift::State waiting = twin::drift::State::pending;
    std::uint32_t count = 0;        // of them
    bool is_state_of_twin = false;  // then the twin is in this state, too,
    Instant since = never;          // since
};

}  // namespace twinhub::fleet

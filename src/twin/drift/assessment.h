#pragma once

#include "twin/drift/verdict.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace twinhub::twin::drift {

// What is known of a device's connection when its twin is judged.
struct Connection {
    bool connected = false;
    Instant since = never;  // when it came or went; never = not known
    Instant seen = never;   // when it was last heard of
};

// A tracked property as operators see it: with the overlay of spec twin-document 15.2.
struct Property : BaseProperty {
    State state = State::pending;
    Instant since{};     // as far as the documents and the connection tell
    Instant stale_at{};  // when a waiting one of a connected device becomes stale
};

// How a twin stands at one moment.
struct Assessment {
    State state = State::untracked;
    Instant since{};    // when its worst property came to it
    bool fresh = true;  // false: the device has been away for too long for this to be news
    std::vector<Property> properties;
    std::array<std::uint32_t, state_count> counts{};  // properties by state
    std::vector<Surplus> surplus;

    // The first of the worst ones; nullptr when there is none.
    const Property* worst() const;
};

// Pure: the same inputs give the same answer, at any time later (spec twin-document 15.2).
Assessment assess(const Twin& twin, const Policy& policy, bool is_edge_runtime,
                  const Connection& connection, Instant now);

// What a waiting property is, given when it was desired and how long it may take.
State overlaid(Instant desired_at, Ticks pending_timeout, const Connection& connection,
               Instant now);
// When a waiting one of a connected device becomes stale.
Instant stale_at(Instant desired_at, Ticks pending_timeout, const Connection& connection);
bool is_fresh(const Connection& connection, Ticks fresh_for, Instant now);

}  // namespace twinhub::twin::drift

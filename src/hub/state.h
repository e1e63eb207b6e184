#pragma once

#include "hub/drift/drift.h"
#include "hub/identity.h"
#include "twin/twin.h"

#include <atomic>
#include <cstdint>
#include <memory>

namespace twinhub::hub {

// One identity with its twin at one moment. Cheap to copy: the trees are shared.
struct State {
    std::shared_ptr<const Identity> identity;  // nullptr: there is no such device or module
    twin::Twin twin;
    std::uint64_t sequence = 0;  // of the newest change in it, within its slot; 0 = none
    std::uint64_t ordinal = 0;   // how many changes led here since creation
    DriftPtr drift;  // how the twin stands; nullptr: nobody has asked, or it does not exist

    bool exists() const { return identity != nullptr; }
};

// What the shard holds of an identity while it is in use.
struct Entry {
    explicit Entry(TwinId twin_id) : id(std::move(twin_id)) {}

    TwinId id;
    State durable;  // what anybody may see
    State newest;   // what the next change builds on: durable plus what is on its way to disk
    Presence presence;
    std::uint32_t pending = 0;  // changes on their way to disk
    std::uint64_t changed_since =
        0;                // sequence of the first change that no stored document holds; 0 = none
    Moment changed_at{};  // when that was
    std::atomic<Moment> used{};  // for forgetting what nobody asks for; set by any loop
};

}  // namespace twinhub::hub

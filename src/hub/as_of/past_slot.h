#pragma once

#include "base/ids.h"
#include "hub/identity.h"
#include "store/engine.h"
#include "twin/twin.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

namespace twinhub::hub {

// One identity with its twin as it was at a moment.
struct PastRow {
    TwinId id;
    std::shared_ptr<const Identity> identity;
    twin::Twin twin;
};

// What reading the past may cost, counted by all who take part. Errors: unavailable, names what is
// over its limit.
struct PastBudget {
    std::uint64_t twins_max = 0;
    std::uint64_t changes_max = 0;
    std::atomic<std::uint64_t> twins = 0;
    std::atomic<std::uint64_t> changes = 0;

    Result<> charge(std::uint64_t more_twins, std::uint64_t more_changes);
};

// The twins of a slot that are not what they were.
struct PastSlot {
    std::vector<TwinId> changed;  // since the moment, in the order of their keys
    std::vector<PastRow> rows;    // those of them that existed at the moment, in the same order
};

// Undoes the changes of a slot that are younger than `at`: those behind the newest one that is not.
// What stands in the snapshot behind `shown` counts as changed too, though it may be older. May
// wait for the disk. Errors: history_unavailable, corrupted, those of the budget.
Result<PastSlot> past_of_slot(const store::Snapshot& snapshot, Slot slot, Instant at,
                              std::uint64_t shown, PastBudget& budget);

// What is to be added to the past of a slot that is known with all changes up to `through`: twins
// of `known` have no row. Nothing when a change behind these is not younger than `at`: then what is
// known is of no use. Waits and errors as above, without history_unavailable for the whole slot.
Result<std::optional<PastSlot>> more_past_of_slot(const store::Snapshot& snapshot, Slot slot,
                                                  Instant at, std::uint64_t through,
                                                  const std::unordered_set<TwinId>& known,
                                                  PastBudget& budget);

// The twins of one slot as the snapshot has them: the stored documents with the changes that they
// lack. Only those that exist, in the order of their keys. Errors: corrupted.
Result<std::vector<PastRow>> present_of_slot(const store::Snapshot& snapshot, Slot slot,
                                             std::span<const TwinId> ids);

// The oldest moment that all of history reaches back to; `never` when nothing is forgotten.
Result<Instant> oldest_moment(const store::Snapshot& snapshot);

}  // namespace twinhub::hub

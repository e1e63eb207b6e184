#pragma once

#include "base/ids.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace twinhub::hub {

// Up to which sequence of each slot the change feed has let go of changes: retention may remove
// those, and none of the younger ones. Written by the first loop, read by all.
class ReleasedChanges {
public:
    std::uint64_t last(Slot slot) const { return last_[slot].load(std::memory_order_relaxed); }
    void raise(Slot slot, std::uint64_t sequence) {
        if (sequence > last(slot)) last_[slot].store(sequence, std::memory_order_relaxed);
    }

private:
    std::array<std::atomic<std::uint64_t>, slot_count> last_{};
};

}  // namespace twinhub::hub

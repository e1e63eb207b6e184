#pragma once

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "store/keys.h"

#include <cstdint>
#include <string>
#include <vector>

namespace twinhub::fill {

// How long after its creation each device reports: a second of 100 ns ticks.
inline constexpr Ticks report_after{10'000'000};

// Sorted records of one family, as Engine::ingest wants them.
class Records {
public:
    void add(std::string key, std::string value) {
        entries_.push_back({std::move(key), std::move(value)});
    }
    std::size_t size() const { return entries_.size(); }
    store::Entry at(std::size_t index) const {
        return {.key = entries_[index].key, .value = entries_[index].value};
    }

private:
    struct Pair {
        std::string key;
        std::string value;
    };
    std::vector<Pair> entries_;
};

// What a hub keeps of a slot whose devices were created in bulk with tags and desired properties,
// then connected, reported their whole section once and left: byte for byte the records of those
// two commits, made by the rooms that make them for the hub.
struct SlotRecords {
    Records identities;
    Records twins;
    Records changes;
    Records presences;  // metadata
    Records facts;      // metadata: counts and checkpoint of the slot
};

// `numbers`: the slot's devices of the measured fleet in the order of their ids. Errors: those of
// the twin room, which would mean that the fleet is not one a hub would take.
Result<SlotRecords> slot_records(Slot slot, const std::vector<std::uint64_t>& numbers,
                                 Instant created, Random& random);

}  // namespace twinhub::fill

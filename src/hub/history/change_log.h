#pragma once

#include "hub/history/past_twin.h"
#include "store/engine.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace twinhub::hub {

// Where a deletion is noted beside its record, so that the lives before it are found again. Part of
// the disk format: twin key, then the deletion's sequence (8 bytes, big endian). Its value is a
// frame without a body.
std::string ended_key(const TwinId& id, std::uint64_t sequence);

// A change as stored under its key. Errors: corrupted, which names the record.
Result<ChangeRecord> open_change(std::string_view key, std::string_view value);

// Before which moment changes of a slot may be missing, as stored; `never`: all are there.
Result<Instant> forgotten_before(const store::Snapshot& snapshot, Slot slot);

// A change where it stands in its slot: what history calls its number. Of one twin, a newer change
// has a greater one.
struct KeptChange {
    std::uint64_t sequence = 0;
    ChangeRecord record;
    std::size_t bytes = 0;  // as stored
};

// What the store has of one id and its past, all at one moment. Reads may wait for the disk.
class ChangeLog {
public:
    ChangeLog(std::shared_ptr<const store::Snapshot> snapshot, TwinId id);

    const TwinId& id() const { return id_; }

    // The present: the stored document with the changes that it lacks.
    struct Present {
        PastTwin state;
        Instant created = never;     // of the identity, when it exists
        std::uint64_t sequence = 0;  // of its newest change; 0: none is recorded in this life
    };
    Result<Present> present() const;

    // The change of that sequence, which must be one of this id. Nothing: it is forgotten. Errors:
    // corrupted, argument_invalid for a change of another id.
    Result<std::optional<KeptChange>> read(std::uint64_t sequence) const;

    // The sequence of the newest deletion of this id before `sequence`.
    Result<std::optional<std::uint64_t>> deletion_before(std::uint64_t sequence) const;

    Result<Instant> forgotten_before() const;

private:
    std::shared_ptr<const store::Snapshot> snapshot_;
    TwinId id_;
    Slot slot_;
};

}  // namespace twinhub::hub

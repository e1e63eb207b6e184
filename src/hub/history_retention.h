#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "store/engine.h"

#include <cstdint>
#include <string>
#include <vector>

namespace twinhub::hub {

// Which changes of a slot may be forgotten: those older than a moment that are not among the newest
// so many of their twin (spec twin-document 12; issue "retention by age and count").
struct RetentionJob {
    Slot slot = 0;
    std::uint64_t from = 0;  // sequence where to begin
    std::uint64_t last = 0;  // newest sequence that may go: what documents already hold
    Instant older_than{};
    std::uint64_t keep_newest = 0;
};

struct Expired {
    std::vector<std::uint64_t> expired;  // sequences
    std::vector<std::string> ended;      // what was noted of the deletions among them
    // Before this moment changes may be missing, once these are gone: what history still knows.
    Instant forgotten_before = never;
    std::uint64_t next = 0;  // where to go on; 0 = from the start, all was looked at
};

// Looks at a bounded number of changes. May wait for the disk. Errors: corrupted, internal.
Result<Expired> find_expired(const store::Engine& engine, const RetentionJob& job);

}  // namespace twinhub::hub

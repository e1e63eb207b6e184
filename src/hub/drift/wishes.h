#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "hub/author.h"
#include "store/engine.h"

#include <cstdint>
#include <map>
#include <set>

namespace twinhub::hub {

// Who made a version of desired, and when.
struct Wish {
    Instant at{};
    Author author;
};

// Looks in the past of a twin, from the change `sequence` back, for those that made these versions
// of desired; what retention has removed is not there. Looks at a bounded number of changes. May
// wait for the disk.
std::map<std::uint64_t, Wish> find_wishes(const store::Engine& engine, const TwinId& id,
                                          std::uint64_t sequence, std::set<std::uint64_t> versions);

}  // namespace twinhub::hub

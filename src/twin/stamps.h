#pragma once

#include "twin/twin.h"

namespace twinhub::twin {

// What a write puts on every node it touches: tags have no metadata, and only desired keeps the
// version (spec twin-document 2). `after`: the versions that the write leads to.
inline Stamp stamp_of(Part part, Instant at, const Versions& after) {
    if (part == Part::tags) return {};
    return {at, part == Part::desired ? after.desired : 0};
}

}  // namespace twinhub::twin

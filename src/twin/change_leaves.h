#pragma once

#include "twin/change.h"

#include <vector>

namespace twinhub::twin {

// The leaves that a write named, read from its record alone: the old values from its inverse, the
// new ones from what was written. The same as touched_leaves(before, after, change), except that an
// object which only became empty (or was, and got members) is not listed beside those members. The
// pointers live as long as `change` does.
std::vector<TouchedLeaf> touched_leaves(const Change& change);

// Every leaf that the twin holds, as `before`. The pointers live as long as the twin does.
std::vector<TouchedLeaf> held_leaves(const Twin& twin);

}  // namespace twinhub::twin

#pragma once

#include "twin/update.h"

#include <cstdint>
#include <string>

namespace twinhub::twin {

// The body that tells a device of a write to desired (spec twin-document 11, device-protocols 2.4):
// a merge as it was sent; a replacement whole, with null for every key that it removes from
// `before` at every level, so that a device that merges ends up right. `$version` comes last.
std::string notification_body(const Patch& patch, const Node& before, std::uint64_t version);

// What such a body holds in front of `$version`: members without their braces, each followed by a
// comma. `before` counts for replacements alone, and may be nullptr for a merge.
void append_written(std::string& out, const Patch& patch, const Node* before);

}  // namespace twinhub::twin

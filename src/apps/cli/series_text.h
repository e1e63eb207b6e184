#pragma once

#include "base/json.h"

#include <string>

namespace twinhub::apps::cli {

// The answer of GET /fleet/series as lines of blocks, each from its own least to its most, and what
// began meanwhile. Numbers that were zero all the time are left out; a gap is a time for which
// there is no number.
std::string drawn_series(const json::object& answer);

}  // namespace twinhub::apps::cli

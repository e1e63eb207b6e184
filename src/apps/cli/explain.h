#pragma once

#include "base/json.h"

#include <string>

namespace twinhub::apps::cli {

// The answer of EXPLAIN in words and tables, for people: a table for each list of steps, a line for
// each fact.
std::string explained(const json::array& rows);

}  // namespace twinhub::apps::cli

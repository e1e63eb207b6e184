#pragma once

#include "base/json.h"

#include <string>

namespace twinhub::fleet {

// The one text of all values that the query language cannot tell apart: keys in the order of their
// bytes, numbers as what they are as doubles (1.0 is 1). Spec query-language 7.
void append_canonical(std::string& out, const json::value& value);

}  // namespace twinhub::fleet

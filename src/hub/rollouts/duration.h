#pragma once

#include "base/result.h"

#include <chrono>
#include <string>
#include <string_view>

namespace twinhub::hub {

// PnDTnHnMnS (ISO 8601) with at least one part, as documents of rollouts have it. Errors:
// argument_invalid, at `where`.
Result<std::chrono::seconds> parse_duration(std::string_view text, std::string_view where);
// The same, as short as it goes: "PT20M", "P1DT2H", "PT0S".
std::string duration_text(std::chrono::seconds duration);

}  // namespace twinhub::hub

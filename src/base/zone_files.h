#pragma once

#include "base/time_zone.h"

#include <string>
#include <string_view>

namespace twinhub {

// The time zone of a name ("Europe/Berlin") from the database in `folder`, which tzdata installs.
// Waits for the disk. Errors: argument_invalid for what can be no name, not_found.
Result<TimeZone> read_time_zone(const std::string& folder, std::string_view name);

// Whether a text can be the name of a zone: letters, digits, `_+-` and `/` between.
bool is_zone_name(std::string_view name);

}  // namespace twinhub

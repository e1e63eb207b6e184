#pragma once

#include "apps/cli/context.h"

#include <string>
#include <vector>

namespace twinhub::apps::cli {

// Whether a command is about one device or about a group of them.
enum class Enrolled : std::uint8_t { device, group };

// The options that say what an enrollment is to be, named as `az iot dps` does.
std::vector<Option> enrollment_options(Enrolled kind, bool creates);

// Puts what the user gave into `enrollment`: an empty one, or one that was read from the server.
// Errors: argument_invalid.
Result<> fill_enrollment(json::object& enrollment, const Arguments& arguments, Enrolled kind);

}  // namespace twinhub::apps::cli

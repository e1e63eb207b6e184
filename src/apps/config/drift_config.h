#pragma once

#include "apps/config/config.h"
#include "base/result.h"
#include "twin/drift/policy.h"

#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps {

// What the settings `drift.*` say. Errors: argument_invalid, led by the setting's name.
Result<twin::drift::Policy> drift_policy(const Config& config);

// "0.5", "1%": how far numbers may be apart.
Result<twin::drift::Tolerance> parse_tolerance(std::string_view text);

// "camera.**: pending_timeout=30m tolerance=1%", "tags.site=lab: strict=true": for which paths and
// for which tag other rules hold, and which. Errors: argument_invalid.
Result<twin::drift::Override> parse_override(std::string_view text);

}  // namespace twinhub::apps

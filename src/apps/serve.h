#pragma once

#include "apps/config/config.h"

namespace twinhub::apps {

// Runs a hub until SIGTERM or SIGINT. The exit code: 0 after an orderly end, 1 when it could not
// start.
int serve(const Config& config);

}  // namespace twinhub::apps

#pragma once

#include "base/result.h"
#include "twin/update.h"

namespace twinhub::hub {

struct Settings;

// Refuses what holds a credential, unless the settings allow it. Asked by everything that takes
// what a service wants written, before any of it is stored. Errors: argument_invalid, with the
// path.
Result<> check_secrets(const Settings& settings, const twin::ServiceUpdate& update);

}  // namespace twinhub::hub

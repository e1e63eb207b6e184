#pragma once

#include "base/json.h"
#include "base/result.h"
#include "twin/update.h"

#include <string_view>

namespace twinhub::hub {

struct Settings;

// Refuses what holds a credential, unless the settings allow it. Asked by everything that takes
// what a service wants written, before any of it is stored. Errors: argument_invalid, with the
// path.
Result<> check_secrets(const Settings& settings, const twin::ServiceUpdate& update);

// The same for the content of a configuration, `path` in the request. Errors:
// configuration_content_invalid.
Result<> check_secrets(const Settings& settings, const json::object& content,
                       std::string_view path);

}  // namespace twinhub::hub

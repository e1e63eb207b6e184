#pragma once

#include "apps/config/config.h"
#include "base/random.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace twinhub::apps {

// The id scope of the provisioning service: what devices know it by. It is in the settings or in
// DATA/id_scope, made at first start as "0ne" and eight hex digits. No secret.

bool is_id_scope(std::string_view text);

// Makes the file when there is to be one and there is none. True when it did. Errors: internal.
Result<bool> ensure_id_scope(const Config& config, Random& random);

// Errors: not_found, format_invalid, internal.
Result<std::string> read_id_scope(const Config& config);

}  // namespace twinhub::apps

#pragma once

#include "base/json.h"
#include "hub/author.h"

namespace twinhub::gateway::http {

// Who changed something, as answers show it: {"kind":"job","id":"j1","principal":"service",...}.
// What standing work did has its id, and as principal who ordered it. Empty members are left out.
json::object author_json(const hub::Author& author);

}  // namespace twinhub::gateway::http

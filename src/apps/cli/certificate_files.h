#pragma once

#include "apps/cli/command.h"

#include <vector>

namespace twinhub::apps::cli {

// `certificate make-ca`, `make-leaf` and `make-revocation-list`: files for laptops and factories
// without a CA of their own. They talk to no hub.
std::vector<Command> certificate_file_commands();

}  // namespace twinhub::apps::cli

#pragma once

#include "apps/config/config.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps {

// Where settings come from, weakest first: defaults, file, environment, flags.
struct Sources {
    std::optional<std::string>
        file;  // --config or TWINHUB_CONFIG; must exist. Else the usual places.
    std::function<const char*(const char*)> variable;       // getenv
    std::map<std::string, std::vector<std::string>> flags;  // by path: "listen.https_port"
};

struct Loaded {
    Config config;
    std::string file;                   // what was read; empty = none
    std::vector<std::string> mistakes;  // all of them: "FILE:LINE: listen.https_port must be ..."
};

// Reads every source, then looks at the whole (see check). The configuration is of use only when
// there are no mistakes.
Loaded load(const Sources& sources);

// What one setting's range cannot say: pairs of files, ports used twice, files that are not there.
std::vector<std::string> check(const Config& config);

// The effective configuration as a YAML file. There are no secrets in it.
std::string to_yaml(const Config& config);

// docs/configuration.md, made from the table.
std::string to_markdown();

}  // namespace twinhub::apps

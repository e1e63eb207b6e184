#pragma once

#include "base/ids.h"
#include "base/json.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace twinhub::hub {

class ConfigurationSet;
struct Claim;

// What one of the configurations that target a twin wants of one of its desired properties.
struct WantedBy {
    std::string configuration;
    std::uint64_t version = 0;
    std::int32_t priority = 0;
    json::value value;  // null: it takes away what stands there
    bool wins = false;  // this is what the hub sets there; else others have the place

    friend bool operator==(const WantedBy&, const WantedBy&) = default;
};
// By the path below desired, keys joined by dots; the highest rank first. Paths that nobody wants
// are not there.
using WantedPaths = std::map<std::string, std::vector<WantedBy>>;

// `claims` are those of claims_on(). A deployment that has to stand back is shown, too.
WantedPaths wanted_by(const ConfigurationSet& set, std::span<const Claim> claims, const TwinId& id,
                      std::span<const std::string> paths);

}  // namespace twinhub::hub

#pragma once

#include <cstdint>
#include <string>

namespace twinhub::hub {

// What an operator may set about rollouts (docs/rollouts.md).
struct RolloutSettings {
    std::uint32_t kept_max = 100;                     // drafts and those that are over included
    std::uint64_t devices_max = 1'000'000;            // of one rollout
    std::string zone_folder = "/usr/share/zoneinfo";  // the time zone database, of tzdata
};

}  // namespace twinhub::hub

#pragma once

#include <chrono>
#include <cstdint>

namespace twinhub::hub {

// Which connections of a device are remembered.
struct ConnectionSettings {
    std::uint32_t sessions_max = 50;                                       // the newest so many
    std::chrono::milliseconds sessions_age = std::chrono::hours{30 * 24};  // that ended within this
};

}  // namespace twinhub::hub

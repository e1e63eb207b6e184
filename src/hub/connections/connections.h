#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "hub/connections/connection_rates.h"
#include "hub/connections/session.h"
#include "hub/identity.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace twinhub::hub {

class Shards;

inline constexpr std::size_t sessions_page_default = 20;
inline constexpr std::size_t sessions_page_max = 1000;
inline constexpr std::size_t reconnecting_default = 20;
inline constexpr std::size_t reconnecting_max = 256;

// A stretch of time in which a device was connected, or was not.
struct Stretch {
    Instant from{};
    Instant to{};
    bool connected = false;
};

// The connections of one device.
struct SessionsOf {
    Instant as_of{};
    Presence presence;              // as it is now
    std::vector<Session> sessions;  // newest first
    // The last day, or what is known of it, oldest first; without an end the stretches touch. Of a
    // device that comes and goes all the time the newest ones.
    std::vector<Stretch> strip;
    std::optional<double>
        share;  // of the time of the strip that it was connected; nothing: no strip
};

// How the fleet comes and goes.
struct ConnectionSummary {
    Instant as_of{};
    Instant from{};
    std::uint64_t connected = 0;             // devices and modules, now
    std::vector<ConnectionMinute> minutes;   // that have some, oldest first
    std::vector<Reconnecting> reconnecting;  // most first
    std::uint64_t missed = 0;  // so many connects at most are missing for each of them
};

// What is known of connections (issue "Connection facts"). Callable on any loop.
class Connections {
public:
    Connections(Shards& shards, const Clock& clock) : shards_(shards), clock_(clock) {}

    // Errors: device_not_found, module_not_found.
    Task<Result<SessionsOf>> sessions(TwinId id, std::size_t limit);

    // Of at most the last day, since the hub started.
    Task<Result<ConnectionSummary>> summary(std::chrono::minutes window, std::size_t top);

private:
    Shards& shards_;
    const Clock& clock_;
};

}  // namespace twinhub::hub

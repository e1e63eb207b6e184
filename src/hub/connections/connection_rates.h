#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "hub/connections/session.h"

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace twinhub::hub {

// What one minute brought.
struct ConnectionMinute {
    std::int64_t minute = 0;  // since 1970
    std::uint32_t connects = 0;
    std::array<std::uint32_t, session_end_count> ends{};  // by SessionEnd
};

// How often a device came, at least: how many fewer it may seem is `missed` of the answer.
struct Reconnecting {
    TwinId id;
    std::uint64_t connects = 0;
    SessionEnd last = SessionEnd::open;  // why its connection before the newest one ended
};

// Connects and disconnects of the last day, by minute, and who connects most. In memory, of bounded
// size whatever the fleet does: of each quarter of an hour the devices that connect most are kept
// as Misra and Gries do it.
class ConnectionRates {
public:
    static constexpr std::int64_t minutes_kept = 24 * 60;

    void connected(const TwinId& id, SessionEnd last, Instant now);
    void disconnected(SessionEnd why, Instant now);

    // The minutes that have some, from the one of `since` on, oldest first.
    std::vector<ConnectionMinute> minutes(Instant since) const;
    // Who connected more than once, most first; the quarter of an hour of `since` counts whole.
    struct Top {
        std::vector<Reconnecting> devices;
        std::uint64_t missed = 0;
    };
    Top top(Instant since, std::size_t count) const;

private:
    static constexpr std::size_t devices_kept = 256;  // of a quarter of an hour
    struct Seen {
        std::uint64_t connects = 0;
        SessionEnd last = SessionEnd::open;
    };
    struct Quarter {
        std::int64_t number = 0;  // since 1970
        absl::flat_hash_map<TwinId, Seen, std::hash<TwinId>> devices;
        std::uint64_t missed = 0;
    };
    ConnectionMinute& minute_of(Instant now);

    std::deque<ConnectionMinute> minutes_;
    std::deque<Quarter> quarters_;
};

}  // namespace twinhub::hub

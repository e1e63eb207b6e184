#pragma once

#include "hub/history/change_walk.h"

#include <cstdint>

namespace twinhub::hub {

// Which moment of a twin's past is asked for: a time, or when one of its versions was written in
// its present life.
struct PastPoint {
    enum class By : std::uint8_t { time, version, desired, reported };
    By by = By::time;
    Instant at{};
    std::uint64_t number = 0;  // of the version

    static PastPoint time(Instant at) { return {.by = By::time, .at = at}; }
};

// A twin of the past.
struct TwinThen {
    twin::Twin twin;
    Instant at{};  // the time asked for; for a version, when it was written
};

// Goes back from the present, change by change. Exact, also over deletions and re-creations. When
// the clock was set back, the changes count in the order in which they were made: the newest one
// that is not younger than the time asked for decides.
// Errors: device_not_found or module_not_found (it did not exist then), history_unavailable (says
// since when it is kept), argument_invalid (a version that never was, or a moment that lies more
// changes back than one request may read), corrupted.
Result<TwinThen> twin_then(const ChangeLog& log, const PastPoint& point);

// A twin of the past as JSON: what the service view shows without what history does not know, which
// is the identity's state and the connection.
void append_twin_then(std::string& out, const TwinId& id, const twin::Twin& twin);

inline constexpr std::size_t changes_undone_max = 200'000;  // by one request

}  // namespace twinhub::hub

#include "base/clock.h"

namespace twinhub {

Instant SystemClock::now() const {
    return std::chrono::time_point_cast<Ticks>(std::chrono::system_clock::now());
}

Moment SystemClock::monotonic() const { return std::chrono::steady_clock::now(); }

}  // namespace twinhub

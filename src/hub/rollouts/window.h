#pragma once

#include "base/json.h"
#include "base/time.h"
#include "base/time_zone.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

// A span of the week in which devices may be changed, by the clocks of the place. One that ends
// before it begins goes over midnight, and counts to the day on which it began.
struct WeekSpan {
    std::array<bool, 7> days{};  // Monday first: on which it begins
    std::chrono::minutes from{};
    std::chrono::minutes to{};  // up to 24:00

    std::chrono::minutes length() const {
        return to > from ? to - from : to - from + std::chrono::hours{24};
    }
    friend bool operator==(const WeekSpan&, const WeekSpan&) = default;
};

// When devices may be changed, and which tag says by which clocks.
struct MaintenanceWindow {
    std::string zone_tag;      // path below tags; empty: all by `zone`
    std::string zone = "UTC";  // of devices without a zone that is known
    std::vector<WeekSpan> times;

    friend bool operator==(const MaintenanceWindow&, const MaintenanceWindow&) = default;
};

// {"zoneTag":"tags.zone","zone":"UTC","times":[{"days":["mon"],"from":"22:00","to":"05:00"}]}.
// Without `days` it is all of them. Errors: argument_invalid with the path, also for spans that
// overlap.
Result<MaintenanceWindow> parse_window(const json::object& body);
json::object to_json(const MaintenanceWindow& window);

// By the clocks of the place, so that a night stays a night when they are changed.
bool is_open(const MaintenanceWindow& window, const TimeZone& zone, Instant at);
// `at` itself when it is open then, else when it opens next; nothing when it does not within the
// next weeks.
std::optional<Instant> next_open(const MaintenanceWindow& window, const TimeZone& zone, Instant at);

}  // namespace twinhub::hub

#pragma once

#include "base/time.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace twinhub::query {

// A time as queries write it, finer than the hub's own ticks: up to nine fraction digits.
struct TimePoint {
    std::int64_t seconds = 0;  // since 1970, UTC
    std::int32_t nanoseconds = 0;

    friend auto operator<=>(const TimePoint&, const TimePoint&) = default;
};

TimePoint time_point(Instant instant);
double seconds_between(TimePoint from, TimePoint to);

// YYYY-MM-DD[Thh:mm[:ss[.f{1,9}]]][Z|+hh:mm|-hh:mm], a missing zone is UTC (spec query-language 5).
// Nothing for any other text.
std::optional<TimePoint> parse_time(std::string_view text);

// -PnDTnHnMnS with at least one part, as AS OF takes it: how long ago. Nothing for any other text.
std::optional<Ticks> parse_time_ago(std::string_view text);

}  // namespace twinhub::query

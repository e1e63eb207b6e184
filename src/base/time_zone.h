#pragma once

#include "base/result.h"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace twinhub {

// How far the clocks of a place are ahead of UTC, at any time: what a file of the time zone
// database (TZif, RFC 9636) says. Pure: the bytes come from whoever may read files.
class TimeZone {
public:
    TimeZone() = default;  // UTC

    // Total: any bytes are answered. Errors: corrupted.
    static Result<TimeZone> parse(std::string_view bytes);

    std::chrono::seconds offset_at(std::chrono::sys_seconds at) const;
    std::chrono::local_seconds to_local(std::chrono::sys_seconds at) const;

    // When clocks there show a time: twice where they are set back, and at the moment of the
    // change where they are set forward over it.
    struct Moments {
        std::chrono::sys_seconds first;
        std::chrono::sys_seconds second;  // the same, but where clocks are set back
    };
    Moments to_sys(std::chrono::local_seconds local) const;

    // A day of the year at which clocks change, every year, as the end of a file says it.
    struct Day {
        enum class Kind : std::uint8_t { julian, zero_based, month_week_day };
        Kind kind = Kind::month_week_day;
        int month = 1;  // 1 to 12
        int week = 1;   // 1 to 5: the last
        int day = 0;    // of the week, 0 = Sunday; else of the year
        std::chrono::seconds time{};

        std::chrono::local_seconds in(std::chrono::year year) const;
    };
    // What goes on for ever behind the last listed change.
    struct Rule {
        std::chrono::seconds standard{};
        bool has_summer = false;
        std::chrono::seconds summer{};
        Day begins, ends;

        std::chrono::seconds offset_at(std::chrono::sys_seconds at) const;
    };

private:
    struct Change {
        std::int64_t at = 0;
        std::chrono::seconds offset{};
    };
    std::chrono::seconds before_{};  // until the first change
    std::vector<Change> changes_;    // in order
    bool has_rule_ = false;
    Rule rule_;
};

}  // namespace twinhub

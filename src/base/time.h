#pragma once

#include "base/result.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub {

// Wall time in ticks of 100 ns since 1970 (UTC): what twins stamp and show (spec twin-document 1).
using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, 10'000'000>>;
using Instant = std::chrono::sys_time<Ticks>;

// Time for measuring spans; never goes back.
using Moment = std::chrono::steady_clock::time_point;

// "Never" in the documents: 0001-01-01T00:00:00Z.
inline constexpr Instant never{
    std::chrono::sys_days{std::chrono::year{1} / 1 / 1}.time_since_epoch()};

// ISO 8601 with Z and up to seven fraction digits, trailing zeros dropped.
void append_instant(std::string& out, Instant instant);
std::string format_instant(Instant instant);

// Accepts Z, an offset or no zone (read as UTC), and 0 to 7 fraction digits (more are cut).
// Errors: argument_invalid.
Result<Instant> parse_instant(std::string_view text);

}  // namespace twinhub

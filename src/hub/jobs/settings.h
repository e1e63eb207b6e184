#pragma once

#include <chrono>
#include <cstdint>

namespace twinhub::hub {

// What an operator may set about scheduled jobs (spec service-api 7, twin-document 13).
struct JobSettings {
    std::uint32_t active_max = 100;   // that wait or run; beyond, a new one is refused
    std::uint32_t running_max = 10;   // at once; the others wait, queued
    std::uint32_t kept_max = 10'000;  // with those that ended: the oldest of them go first
    // Devices that all jobs together change or call; 0 = no limit.
    double devices_per_second = 0;
    std::uint32_t methods_at_once = 500;  // calls of one job that wait for their device
    std::chrono::milliseconds history_age = std::chrono::hours{30 * 24};  // of jobs that ended
    std::chrono::milliseconds ahead_max = std::chrono::hours{168};        // of a start
};

}  // namespace twinhub::hub

#pragma once

#include "fleet.h"
#include "histogram.h"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace twinhub::load {

struct DriveOptions {
    // Requests a second at fixed moments, latency counted from the moment a request should have
    // been sent (no coordinated omission); 0 for a closed loop.
    double rate = 0;
    unsigned pipeline = 1;  // closed loop: requests in flight on each connection
    double get_share = 0;   // the rest are patches
    double warm_up_seconds = 1;
    double seconds = 5;
    bool whole_report_first = false;  // each device first reports a full section
    std::vector<pid_t> servers;
};

// What was measured between the end of the warm-up and the end.
struct Measured {
    Histogram patches;
    Histogram gets;
    std::map<unsigned, std::uint64_t> refused;  // status -> count
    std::uint64_t unanswered = 0;
    std::uint64_t lost = 0;  // connections
    double seconds = 0;
    double server_cpu_ns = 0;
    double own_cpu_ns = 0;
    std::uint64_t operations() const { return patches.count() + gets.count(); }
};

// Sends requests from the first `active` devices of the fleet, all connected. Ends early when all
// of them are lost.
Measured drive(Reactor& reactor, Fleet& fleet, std::size_t active, const DriveOptions& options);

}  // namespace twinhub::load

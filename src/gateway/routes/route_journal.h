#pragma once

#include "base/log.h"
#include "base/time.h"
#include "gateway/routes/route_metrics.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::gateway {

// What one route says of itself: numbers always, lines in the log at most once a minute each. On
// the loop of the routes.
class RouteJournal {
public:
    RouteJournal(std::string name, RouteMetrics& metrics, Log& log);

    void delivered(std::size_t events);
    // An attempt failed; what it held still waits. `what` holds no secret.
    void failed(std::string_view what, Moment now);
    void buried(std::size_t events, std::string_view why, Moment now);
    // Nobody has them.
    void lost(std::size_t events, std::string_view why, Moment now);
    void undefined(std::uint64_t events, Moment now);

    struct Counts {
        std::uint64_t delivered = 0;
        std::uint64_t failures = 0;
        std::uint64_t dead_letters = 0;
        std::uint64_t lost = 0;
        std::uint64_t undefined = 0;
    };
    const Counts& counts() const { return counts_; }
    const std::string& last_failure() const { return last_failure_; }  // empty: none since success

private:
    // A line that comes at most once a minute, with how often it would have come.
    struct Line {
        std::uint64_t unsaid = 0;
        Moment next{};
        bool is_due(std::uint64_t times, Moment now);
    };

    std::string name_;
    Log& log_;
    prometheus::Counter& delivered_;
    prometheus::Counter& failures_;
    prometheus::Counter& dead_letters_;
    prometheus::Counter& lost_;
    prometheus::Counter& undefined_;
    Counts counts_;
    std::string last_failure_;
    Line failure_line_, dead_line_, lost_line_, undefined_line_;
};

}  // namespace twinhub::gateway

#include "gateway/routes/route_journal.h"

#include <utility>

namespace twinhub::gateway {
namespace {

constexpr std::chrono::minutes between_lines{1};

}  // namespace

RouteJournal::RouteJournal(std::string name, RouteMetrics& metrics, Log& log)
    : name_(std::move(name)),
      log_(log),
      delivered_(metrics.delivered.Add({{"route", name_}})),
      failures_(metrics.failures.Add({{"route", name_}})),
      dead_letters_(metrics.dead_letters.Add({{"route", name_}})),
      lost_(metrics.lost.Add({{"route", name_}})),
      undefined_(metrics.undefined.Add({{"route", name_}})) {}

bool RouteJournal::Line::is_due(std::uint64_t times, Moment now) {
    unsaid += times;
    if (now < next) return false;
    next = now + between_lines;
    return true;
}

void RouteJournal::delivered(std::size_t events) {
    counts_.delivered += events;
    delivered_.Increment(static_cast<double>(events));
    last_failure_.clear();
}

void RouteJournal::failed(std::string_view what, Moment now) {
    ++counts_.failures;
    failures_.Increment();
    last_failure_ = what;
    if (failure_line_.is_due(1, now))
        log_.warn(
            "route.failed",
            {{"route", name_}, {"times", std::exchange(failure_line_.unsaid, 0)}, {"what", what}});
}

void RouteJournal::buried(std::size_t events, std::string_view why, Moment now) {
    counts_.dead_letters += events;
    dead_letters_.Increment(static_cast<double>(events));
    if (dead_line_.is_due(events, now))
        log_.error(
            "route.dead_letter",
            {{"route", name_}, {"events", std::exchange(dead_line_.unsaid, 0)}, {"why", why}});
}

void RouteJournal::lost(std::size_t events, std::string_view why, Moment now) {
    if (events == 0) return;
    counts_.lost += events;
    lost_.Increment(static_cast<double>(events));
    if (lost_line_.is_due(events, now))
        log_.error(
            "route.lost",
            {{"route", name_}, {"events", std::exchange(lost_line_.unsaid, 0)}, {"why", why}});
}

void RouteJournal::undefined(std::uint64_t events, Moment now) {
    if (events == 0) return;
    counts_.undefined += events;
    undefined_.Increment(static_cast<double>(events));
    if (undefined_line_.is_due(events, now))
        log_.warn("route.undefined", {{"route", name_},
                                      {"events", std::exchange(undefined_line_.unsaid, 0)},
                                      {"what", "the condition could not be decided"}});
}

}  // namespace twinhub::gateway

#include "hub/events/event_log.h"

#include "hub/commit_queue.h"
#include "hub/events/passing_events.h"
#include "hub/events/stored_event.h"
#include "hub/hub.h"
#include "hub/streams.h"
#include "store/keys.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;
using store::Family;

constexpr std::size_t stretch_events = 256;
constexpr auto trim_every = 1min;  // or when a stretch is done: each costs the store a mark
constexpr std::size_t page_events = 2'000;
constexpr std::size_t page_bytes = std::size_t{2} << 20;

}  // namespace

EventLog::EventLog(Hub& hub, Executor loop, EventLogLimits limits)
    : hub_(hub),
      loop_(loop),
      limits_(limits),
      queue_(std::make_unique<CommitQueue>(
          std::move(loop), hub.committer(), stream_of(Work::events, hub.shards().size()),
          hub.clock(), hub.metrics(), [this](const Error&) { failing_ = true; })) {}

EventLog::~EventLog() = default;

Result<std::shared_ptr<EventLog>> EventLog::open(Hub& hub, Executor loop, EventLogLimits limits) {
    std::shared_ptr<EventLog> log(new EventLog(hub, std::move(loop), limits));
    const auto rows =
        hub.shards().engine().scan(Family::metadata, store::area_range(store::Area::event));
    for (rows->seek_first(); rows->valid(); rows->next()) {
        TRY(const std::uint64_t number, parse_event_key(rows->key()));
        TRY(const HubEvent event, open_event(rows->key(), rows->value()));
        if (log->stretches_.empty()) log->oldest_ = number;
        log->count(number, rows->value().size(), event.at);
        log->next_ = number + 1;
    }
    TRY_VOID(rows->status());
    log->durable_ = log->next_;
    return log;
}

void EventLog::hear(EventSource source, DeviceEvents& bus) {
    auto listener = [this, source](const std::shared_ptr<const DeviceEvent>& passing) {
        take(*passing, source);
    };
    heard_.push_back({source, bus.listen(loop_, limits_.unwritten_max, std::move(listener)), 0});
}

void EventLog::stop_hearing() {
    count_losses();
    heard_.clear();
}

void EventLog::count(std::uint64_t number, std::uint64_t bytes, Instant at) {
    if (stretches_.empty() ||
        stretches_.back().behind_last - stretches_.back().first >= stretch_events)
        stretches_.push_back({.first = number, .behind_last = number, .bytes = 0, .newest = at});
    Stretch& last = stretches_.back();
    last.behind_last = number + 1;
    last.bytes += bytes;
    last.newest = std::max(last.newest, at);
    bytes_ += bytes;
}

void EventLog::take(const DeviceEvent& passing, EventSource source) {
    const HubEvent event = event_of(passing, source, hub_.random().uuid(), hub_.settings().name);
    Unwritten line{.number = next_, .key = event_key(next_), .value = {}};
    line.value = sealed_event(line.key, event);
    if (unwritten_.size() >= limits_.unwritten_max ||
        unwritten_bytes_ + line.value.size() > limits_.unwritten_bytes_max) {
        ++lost_[static_cast<std::size_t>(source)];
        return;
    }
    ++next_;
    count(line.number, line.value.size(), event.at);
    unwritten_bytes_ += line.value.size();
    unwritten_.push_back(std::move(line));
    if (!failing_) write(unwritten_.back());
}

void EventLog::write(const Unwritten& event) {
    queue_->batch().put(Family::metadata, event.key, event.value);
    queue_->on_settled([this, number = event.number](const Result<>& result) {
        if (result) written(number);
    });
}

void EventLog::written(std::uint64_t number) {
    while (!unwritten_.empty() && unwritten_.front().number <= number) {
        unwritten_bytes_ -= unwritten_.front().value.size();
        unwritten_.pop_front();
    }
    durable_ = number + 1;
    tell();
}

void EventLog::tick() {
    count_losses();
    // In their order, behind whatever failed before them.
    if (std::exchange(failing_, false))
        for (const Unwritten& event : unwritten_) write(event);
    trim();
}

void EventLog::count_losses() {
    bool any = false;
    for (Heard& bus : heard_) {
        const std::uint64_t lost = bus.subscription->lost();
        lost_[static_cast<std::size_t>(bus.source)] += lost - std::exchange(bus.lost, lost);
    }
    for (const std::uint64_t lost : lost_) any = any || lost != 0;
    if (any) tell();
}

void EventLog::trim() {
    std::uint64_t keep = oldest_;
    if (!holds_.empty())
        keep = std::ranges::min_element(holds_, {}, [](const auto& hold) {
                   return hold.second;
               })->second;
    const Instant now = hub_.clock().now();
    std::uint64_t bytes = bytes_;
    for (const Stretch& stretch : stretches_) {
        const bool is_old = stretch.newest < now - limits_.age;
        if (!is_old && bytes <= limits_.bytes) break;
        keep = std::max(keep, stretch.behind_last);
        bytes -= stretch.bytes;
    }
    keep = std::min(keep, durable_ - 1);
    if (keep <= oldest_) return;
    const Moment moment = hub_.clock().monotonic();
    if (keep - oldest_ < stretch_events && moment < next_trim_) return;
    next_trim_ = moment + trim_every;
    const store::Range range = events_range(oldest_, keep);
    queue_->batch().remove_range(Family::metadata, range.from, range.to);
    oldest_ = keep;
    while (!stretches_.empty() && stretches_.front().behind_last <= keep) {
        bytes_ -= stretches_.front().bytes;
        stretches_.pop_front();
    }
}

std::shared_ptr<void> EventLog::listen(std::function<void()> news) {
    listeners_.push_front(std::move(news));
    return {&listeners_.front(), [self = shared_from_this(), at = listeners_.begin()](void*) {
                self->listeners_.erase(at);
            }};
}

// A listener may end itself, not another one.
void EventLog::tell() {
    for (auto at = listeners_.begin(); at != listeners_.end();) (*at++)();
}

void EventLog::hold(const std::string& route, std::uint64_t place) { holds_[route] = place; }

Result<LoggedEvents> read_events(const store::Engine& engine, std::uint64_t first,
                                 std::uint64_t behind_last) {
    LoggedEvents read{.events = {}, .next = behind_last};
    std::size_t bytes = 0;
    const auto rows = engine.scan(Family::metadata, events_range(first, behind_last));
    for (rows->seek_first(); rows->valid(); rows->next()) {
        TRY(const std::uint64_t number, parse_event_key(rows->key()));
        if (read.events.size() >= page_events || bytes >= page_bytes) {
            read.next = number;
            return read;
        }
        TRY(HubEvent event, open_event(rows->key(), rows->value()));
        bytes += rows->value().size();
        read.events.emplace_back(number, std::move(event));
    }
    TRY_VOID(rows->status());
    return read;
}

}  // namespace twinhub::hub

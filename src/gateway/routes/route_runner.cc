#include "gateway/routes/route_runner.h"

#include "gateway/sinks/webhook_sink.h"
#include "hub/events/passing_events.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace twinhub::gateway {
namespace {

using namespace std::chrono_literals;
using hub::HubEvent;
using Doing = RouteState::Doing;

constexpr auto save_every = 1s;
constexpr auto longest_rest = 1h;
constexpr std::uint32_t grave_attempts_max = 5;  // of each but the last

// What an event takes in memory and on the wire, about.
std::size_t size_of(const HubEvent& event) {
    std::size_t size = 512 + event.body.size();
    for (const auto& [name, value] : event.application) size += name.size() + value.size();
    return size;
}

EventBatch single(const HubEvent& event) {
    return std::make_shared<const std::vector<HubEvent>>(1, event);
}

}  // namespace

RouteRunner::RouteRunner(std::shared_ptr<const hub::Route> route,
                         std::unique_ptr<hub::RouteReader> reader, std::shared_ptr<RouteSink> sink,
                         std::vector<std::shared_ptr<RouteSink>> graves, RouteOptions options,
                         RouteSeams seams)
    : route_(std::move(route)),
      reader_(std::move(reader)),
      sink_(std::move(sink)),
      graves_(std::move(graves)),
      options_(std::move(options)),
      seams_(std::move(seams)),
      journal_(route_->settings().name, seams_.metrics, seams_.log),
      lag_changes_(seams_.metrics.lag_changes.Add({{"route", route_->settings().name}})),
      lag_seconds_(seams_.metrics.lag_seconds.Add({{"route", route_->settings().name}})),
      waiting_gauge_(seams_.metrics.waiting.Add({{"route", route_->settings().name}})),
      pause_(seams_.executor, seams_.deadlines) {}

RouteRunner::~RouteRunner() = default;

void RouteRunner::start(const EventBuses& buses) {
    if (route_->is_recorded())
        news_ = reader_->listen([this] {
            at_end_ = false;
            if (doing_ == Doing::waiting) pause_.wake();
        });
    for (const auto& [source, bus] : buses)
        if (route_->hears(source))
            heard_.push_back(
                bus->listen(seams_.executor, options_.waiting_max,
                            [this, source](const std::shared_ptr<const hub::DeviceEvent>& passing) {
                                take(*passing, source);
                            }));
    asio::co_spawn(seams_.executor, run(shared_from_this()), asio::detached);
}

void RouteRunner::take(const hub::DeviceEvent& passing, hub::EventSource source) {
    std::uint64_t dropped = 0;
    for (const auto& subscription : heard_) dropped += subscription->lost();
    journal_.lost(dropped - std::exchange(dropped_seen_, dropped), "too many wait", now());
    HubEvent event = event_of(passing, source, seams_.random.uuid(), options_.hub);
    const std::size_t size = size_of(event);
    if (queue_.size() >= options_.waiting_max || queue_bytes_ + size > options_.waiting_bytes_max)
        return journal_.lost(1, "too many wait", now());
    queue_bytes_ += size;
    queue_.push_back(std::move(event));
    waiting_count_.fetch_add(1, std::memory_order_relaxed);
    waiting_gauge_.Increment();
    if (doing_ == Doing::waiting) pause_.wake();
}

void RouteRunner::left_queue(std::size_t events) {
    waiting_count_.fetch_sub(events, std::memory_order_relaxed);
    waiting_gauge_.Decrement(static_cast<double>(events));
}

Task<> RouteRunner::run(std::shared_ptr<RouteRunner> self) {
    if (route_->is_recorded()) co_await find_place();
    while (!is_over()) {
        doing_ = Doing::delivering;
        if (!queue_.empty()) co_await deliver_passing();
        if (is_over()) break;
        if (has_place_ && !at_end_ && !finishing_) co_await deliver_page();
        co_await save_if_due();
        if (queue_.empty() && (at_end_ || !has_place_) && !is_over()) co_await rest();
    }
    next_save_ = {};
    co_await save_if_due();
    journal_.lost(queue_.size(), "the server stopped", now());
    left_queue(queue_.size());
    queue_.clear();
    news_.reset();
    heard_.clear();
    doing_ = Doing::stopped;
}

Task<> RouteRunner::find_place() {
    if (const auto saved = reader_->saved()) {
        cursor_ = saved_ = *saved;
    } else {
        cursor_ = reader_->newest();
        if (options_.from_oldest)
            if (const auto oldest = co_await reader_->oldest()) cursor_ = *oldest;
        // Durable before anything goes on: what comes from now on is the route's.
        while (!stopped_ && !finishing_ && !co_await reader_->save(cursor_))
            co_await pause_.until(now() + save_every);
        saved_ = cursor_;
    }
    has_place_ = true;
}

Task<> RouteRunner::save_if_due() {
    if (!has_place_ || cursor_ == saved_ || now() < next_save_) co_return;
    const hub::ChangeCursor reached = cursor_;
    next_save_ = now() + save_every;
    const Result<> saved = co_await reader_->save(reached);
    if (saved) saved_ = reached;
    else
        journal_.failed("the place in the feed could not be saved: " + saved.error().message,
                        now());
}

Task<> RouteRunner::rest() {
    doing_ = Doing::waiting;
    co_await pause_.until(has_place_ && cursor_ != saved_ ? next_save_ : now() + longest_rest);
}

Task<> RouteRunner::read_failed(Error error) {
    const bool is_gone =
        error.code == Code::history_unavailable || error.code == Code::argument_invalid;
    if (is_gone) {
        // The route was away for longer than changes are kept, or the store is another one.
        journal_.lost(1, "changes that are no longer kept were never delivered", now());
        if (const auto oldest = co_await reader_->oldest()) {
            cursor_ = *oldest;
            co_return;
        }
    }
    journal_.failed(error.message, now());
    doing_ = Doing::retrying;
    co_await pause_.until(now() + 5s);
}

Task<> RouteRunner::deliver_page() {
    at_end_ = true;  // unless somebody says otherwise from here on
    auto page = co_await reader_->page(cursor_);
    if (!page) {
        at_end_ = false;
        Error error = std::move(page).error();
        co_await read_failed(std::move(error));
        co_return;
    }
    if (!page->at_end) at_end_ = false;
    journal_.undefined(page->undefined, now());
    std::vector<hub::RoutedEvent>& events = page->events;
    for (std::size_t at = 0; at < events.size();) {
        oldest_undelivered_ = events[at].event.at;
        auto batch = std::make_shared<std::vector<HubEvent>>();
        std::size_t bytes = 0;
        hub::ChangeCursor after = cursor_;
        while (at < events.size() && batch->size() < sink_->events_max()) {
            bytes += size_of(events[at].event);
            if (!batch->empty() && bytes > sink_->bytes_max()) break;
            after = events[at].after;
            batch->push_back(std::move(events[at].event));
            ++at;
        }
        EventBatch ready = std::move(batch);
        if (co_await hand_over(std::move(ready)) == Went::nowhere) {
            at_end_ = false;
            co_return;
        }
        cursor_ = after;
        co_await save_if_due();
    }
    cursor_ = page->next;
    if (at_end_) oldest_undelivered_.reset();
}

Task<bool> RouteRunner::wants(HubEvent& event) {
    std::optional<json::object> twin;
    if (route_->reads_twin()) twin = co_await reader_->twin_now(event.twin);
    const json::object* const shown = twin ? &*twin : nullptr;
    const hub::Verdict verdict = route_->judge(event, shown, seams_.clock.now());
    if (verdict == hub::Verdict::cannot_say) journal_.undefined(1, now());
    if (verdict != hub::Verdict::takes) co_return false;
    route_->project(event, shown);
    co_return true;
}

Task<> RouteRunner::deliver_passing() {
    auto batch = std::make_shared<std::vector<HubEvent>>();
    std::size_t bytes = 0, taken = 0;
    while (!queue_.empty() && batch->size() < sink_->events_max() && bytes < sink_->bytes_max()) {
        HubEvent event = std::move(queue_.front());
        queue_.pop_front();
        const std::size_t size = size_of(event);
        queue_bytes_ -= std::min(size, queue_bytes_);
        ++taken;
        if (!co_await wants(event)) continue;
        bytes += size;
        batch->push_back(std::move(event));
    }
    const std::size_t count = batch->size();
    if (count != 0) {
        EventBatch ready = std::move(batch);
        if (co_await hand_over(std::move(ready)) == Went::nowhere)
            journal_.lost(count, "the server stopped", now());
    }
    left_queue(taken);
}

Task<RouteRunner::Went> RouteRunner::hand_over(EventBatch batch) {
    for (std::uint32_t failures = 1;; ++failures) {
        if (stopped_) co_return Went::nowhere;
        const Handed handed = co_await sink_->deliver(batch);
        if (handed.outcome == Handed::Outcome::done) {
            journal_.delivered(batch->size());
            doing_ = Doing::delivering;
            co_return Went::through;
        }
        if (stopped_) co_return Went::nowhere;
        journal_.failed(handed.what, now());
        if (handed.outcome == Handed::Outcome::refused && batch->size() > 1) {
            for (const HubEvent& event : *batch) {
                EventBatch alone = single(event);
                if (co_await hand_over(std::move(alone)) == Went::nowhere) co_return Went::nowhere;
            }
            co_return Went::through;
        }
        if (handed.outcome == Handed::Outcome::refused || failures >= options_.attempts_max) {
            std::string why = handed.what;
            co_return co_await bury(std::move(batch), std::move(why));
        }
        if (finishing_) co_return Went::nowhere;
        doing_ = Doing::retrying;
        co_await pause_.until(now() + retry_pause(failures, handed.wait, seams_.random.number()));
    }
}

Task<RouteRunner::Went> RouteRunner::bury(EventBatch batch, std::string why) {
    auto marked = std::make_shared<std::vector<HubEvent>>(*batch);
    for (HubEvent& event : *marked) {
        event.application.emplace_back("x-twinhub-dead-letter-route", route_->settings().name);
        event.application.emplace_back("x-twinhub-dead-letter-reason", why);
    }
    for (std::size_t grave = 0; grave < graves_.size(); ++grave) {
        const bool is_last = grave + 1 == graves_.size();
        for (std::uint32_t failures = 1; is_last || failures <= grave_attempts_max; ++failures) {
            if (stopped_) co_return Went::nowhere;
            const Handed handed = co_await graves_[grave]->deliver(marked);
            if (handed.outcome == Handed::Outcome::done) {
                journal_.buried(batch->size(), why, now());
                co_return Went::through;
            }
            if (stopped_ || finishing_) co_return Went::nowhere;
            journal_.failed("dead letters: " + handed.what, now());
            if (handed.outcome == Handed::Outcome::refused && !is_last) break;
            doing_ = Doing::retrying;
            co_await pause_.until(
                now() + retry_pause(std::min(failures, 8U), handed.wait, seams_.random.number()));
        }
    }
    co_return Went::nowhere;
}

void RouteRunner::finish() {
    finishing_ = true;
    pause_.wake();
}

void RouteRunner::stop() {
    stopped_ = true;
    pause_.wake();
}

RouteState RouteRunner::state() const {
    RouteState state;
    state.name = route_->settings().name;
    state.doing = doing_;
    state.is_recorded = route_->is_recorded();
    if (has_place_) {
        const hub::ChangeCursor newest = reader_->newest();
        state.behind = newest.commit - std::min(cursor_.commit, newest.commit);
        if (state.behind != 0) state.oldest_undelivered = oldest_undelivered_;
    }
    state.waiting = waiting_count_.load(std::memory_order_relaxed);
    state.counts = journal_.counts();
    state.last_failure = journal_.last_failure();
    return state;
}

void RouteRunner::show_lag() {
    const RouteState shown = state();
    lag_changes_.Set(static_cast<double>(shown.behind));
    const Instant time = seams_.clock.now();
    lag_seconds_.Set(
        shown.oldest_undelivered
            ? std::max(0.0, std::chrono::duration<double>(time - *shown.oldest_undelivered).count())
            : 0.0);
}

}  // namespace twinhub::gateway

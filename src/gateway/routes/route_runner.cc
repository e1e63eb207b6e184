#include "gateway/routes/route_runner.h"

#include "gateway/sinks/webhook_sink.h"

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

RouteRunner::RouteRunner(std::shared_ptr<const hub::Route> route, RouteReaders readers,
                         std::shared_ptr<RouteSink> sink,
                         std::vector<std::shared_ptr<RouteSink>> graves, RouteOptions options,
                         RouteSeams seams)
    : route_(std::move(route)),
      sink_(std::move(sink)),
      graves_(std::move(graves)),
      options_(options),
      seams_(std::move(seams)),
      journal_(route_->settings().name, seams_.metrics, seams_.log),
      lag_changes_(seams_.metrics.lag_changes.Add({{"route", route_->settings().name}})),
      lag_seconds_(seams_.metrics.lag_seconds.Add({{"route", route_->settings().name}})),
      waiting_gauge_(seams_.metrics.waiting.Add({{"route", route_->settings().name}})),
      pause_(seams_.executor, seams_.deadlines) {
    if (readers.events) {
        events_.emplace(std::move(readers.events)).goes_on_to_the_end = true;
        lanes_.push_back(&*events_);
    }
    if (readers.changes) lanes_.push_back(&changes_.emplace(std::move(readers.changes)));
}

RouteRunner::~RouteRunner() = default;

std::uint64_t RouteRunner::Lane::behind() const {
    const std::uint64_t newest = reader->newest().commit;
    return has_place ? newest - std::min(cursor.commit, newest) : 0;
}

void RouteRunner::start() {
    for (Lane* const lane : lanes_)
        lane->news = lane->reader->listen([this, lane] {
            lane->at_end = false;
            if (doing_ == Doing::waiting) pause_.wake();
        });
    asio::co_spawn(seams_.executor, run(shared_from_this()), asio::detached);
}

// What devices sent last is handed over before the end; what the feed keeps can wait.
bool RouteRunner::is_over() const {
    if (stopped_) return true;
    return finishing_ && std::ranges::all_of(lanes_, [](const Lane* lane) {
               return !lane->goes_on_to_the_end || (lane->at_end && lane->reader->is_settled());
           });
}

Task<> RouteRunner::run(std::shared_ptr<RouteRunner> self) {
    for (Lane* const lane : lanes_) co_await find_place(*lane);
    while (!is_over()) {
        doing_ = Doing::delivering;
        bool is_stuck = false;
        for (Lane* const lane : lanes_) {
            if (is_over()) break;
            if (is_due(*lane) && co_await deliver_page(*lane) == Went::nowhere) is_stuck = true;
            co_await save_if_due(*lane);
        }
        if (is_stuck && finishing_) break;
        const bool any_due =
            std::ranges::any_of(lanes_, [this](const Lane* lane) { return is_due(*lane); });
        if (!any_due && !is_over()) co_await rest();
    }
    for (Lane* const lane : lanes_) {
        lane->next_save = {};
        co_await save_if_due(*lane);
        lane->news.reset();
    }
    doing_ = Doing::stopped;
    finished_.store(true, std::memory_order_relaxed);
}

Task<> RouteRunner::find_place(Lane& lane) {
    if (const auto saved = lane.reader->saved()) {
        lane.cursor = lane.saved = *saved;
    } else {
        lane.cursor = lane.reader->newest();
        if (options_.from_oldest)
            if (const auto oldest = co_await lane.reader->oldest()) lane.cursor = *oldest;
        // Durable before anything goes on: what comes from now on is the route's.
        while (!stopped_ && !finishing_ && !co_await lane.reader->save(lane.cursor))
            co_await pause_.until(now() + save_every);
        lane.saved = lane.cursor;
    }
    lane.has_place = true;
}

Task<> RouteRunner::save_if_due(Lane& lane) {
    if (lane.is_saved() || now() < lane.next_save) co_return;
    const hub::ChangeCursor reached = lane.cursor;
    lane.next_save = now() + save_every;
    const Result<> saved = co_await lane.reader->save(reached);
    if (saved) lane.saved = reached;
    else journal_.failed("its place could not be saved: " + saved.error().message, now());
}

Task<> RouteRunner::rest() {
    doing_ = Doing::waiting;
    Moment until = now() + longest_rest;
    for (const Lane* const lane : lanes_)
        if (!lane->is_saved()) until = std::min(until, lane->next_save);
    co_await pause_.until(until);
}

Task<> RouteRunner::read_failed(Lane& lane, Error error) {
    const bool is_gone =
        error.code == Code::history_unavailable || error.code == Code::argument_invalid;
    if (is_gone) {
        // The route was away for longer than events are kept, or the store is another one.
        journal_.lost(1, "events that are no longer kept were never delivered", now());
        if (const auto oldest = co_await lane.reader->oldest()) {
            lane.cursor = *oldest;
            co_return;
        }
    }
    journal_.failed(error.message, now());
    doing_ = Doing::retrying;
    co_await pause_.until(now() + 5s);
}

Task<RouteRunner::Went> RouteRunner::deliver_page(Lane& lane) {
    lane.at_end = true;  // unless somebody says otherwise from here on
    auto page = co_await lane.reader->page(lane.cursor);
    if (!page) {
        lane.at_end = false;
        Error error = std::move(page).error();
        co_await read_failed(lane, std::move(error));
        co_return Went::nowhere;
    }
    if (!page->at_end) lane.at_end = false;
    journal_.undefined(page->undefined, now());
    journal_.lost(page->lost, "they could not be written down in time", now());
    std::vector<hub::RoutedEvent>& events = page->events;
    for (std::size_t at = 0; at < events.size();) {
        lane.oldest_undelivered = events[at].event.at;
        auto batch = std::make_shared<std::vector<HubEvent>>();
        std::size_t bytes = 0;
        hub::ChangeCursor after = lane.cursor;
        while (at < events.size() && batch->size() < sink_->events_max()) {
            bytes += size_of(events[at].event);
            if (!batch->empty() && bytes > sink_->bytes_max()) break;
            after = events[at].after;
            batch->push_back(std::move(events[at].event));
            ++at;
        }
        EventBatch ready = std::move(batch);
        if (co_await hand_over(std::move(ready)) == Went::nowhere) {
            lane.at_end = false;
            co_return Went::nowhere;
        }
        lane.cursor = after;
        co_await save_if_due(lane);
    }
    lane.cursor = page->next;
    if (lane.at_end) lane.oldest_undelivered.reset();
    co_return Went::through;
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
    if (changes_) state.behind = changes_->behind();
    if (events_) state.waiting = events_->behind();
    for (const Lane* const lane : lanes_)
        if (lane->oldest_undelivered && lane->behind() != 0)
            state.oldest_undelivered = std::min(*lane->oldest_undelivered,
                                                state.oldest_undelivered.value_or(Instant::max()));
    state.counts = journal_.counts();
    state.last_failure = journal_.last_failure();
    return state;
}

void RouteRunner::show_lag() {
    const RouteState shown = state();
    lag_changes_.Set(static_cast<double>(shown.behind));
    waiting_gauge_.Set(static_cast<double>(shown.waiting));
    const Instant time = seams_.clock.now();
    lag_seconds_.Set(
        shown.oldest_undelivered
            ? std::max(0.0, std::chrono::duration<double>(time - *shown.oldest_undelivered).count())
            : 0.0);
}

}  // namespace twinhub::gateway

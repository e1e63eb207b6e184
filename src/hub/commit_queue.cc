#include "hub/commit_queue.h"

#include <boost/asio/post.hpp>

#include <atomic>

namespace twinhub::hub {

struct CommitQueue::State : std::enable_shared_from_this<State> {
    State(Executor loop, store::Committer& to, store::Stream as, const Clock& time,
          Metrics& counters, std::function<void(const Error&)> lost)
        : executor(std::move(loop)),
          committer(to),
          stream(as),
          clock(time),
          metrics(counters),
          on_lost(std::move(lost)) {}

    struct Flight {
        std::uint64_t number = 0;
        Moment handed_over;
        std::vector<Completion> completions;
    };

    void schedule() {
        if (scheduled || closed) return;
        scheduled = true;
        asio::post(executor, [self = shared_from_this()] { self->hand_over(); });
    }

    void hand_over() {
        scheduled = false;
        if (closed || (open.empty() && completions.empty())) return;
        const std::uint64_t number = ++last_number;
        flights.push_back({number, clock.monotonic(), std::move(completions)});
        completions.clear();
        // The Done runs on the committer's thread: it only sends the news home.
        auto done = [self = shared_from_this(), number](const Result<>& result) {
            asio::post(self->executor, [self, number, result] { self->settle(number, result); });
        };
        committer.submit(stream, generation, std::move(open), std::move(done));
        open.clear();
    }

    void settle(std::uint64_t number, const Result<>& result) {
        if (closed || flights.empty() || flights.front().number != number)
            return;  // lost with an earlier one
        failing = !result.has_value();
        if (failing) return lose_all(result);
        Flight flight = std::move(flights.front());
        flights.pop_front();
        metrics.commit_seconds.Observe(
            std::chrono::duration<double>(clock.monotonic() - flight.handed_over).count());
        for (Completion& completion : flight.completions) completion(result);
    }

    void lose_all(const Result<>& result) {
        metrics.commit_failures.Increment();
        ++generation;
        std::deque<Flight> lost;
        lost.swap(flights);
        std::vector<Completion> open_completions;
        open_completions.swap(completions);
        open.clear();
        on_lost(result.error());
        for (Flight& flight : lost)
            for (Completion& completion : flight.completions) completion(result);
        for (Completion& completion : open_completions) completion(result);
    }

    Executor executor;
    store::Committer& committer;
    store::Stream stream;
    const Clock& clock;
    Metrics& metrics;
    std::function<void(const Error&)> on_lost;
    store::Batch open;
    std::vector<Completion> completions;
    std::deque<Flight> flights;
    std::uint64_t last_number = 0;
    std::uint64_t generation = 1;
    bool scheduled = false;
    std::atomic<bool> failing = false;
    bool closed = false;
};

CommitQueue::CommitQueue(Executor executor, store::Committer& committer, store::Stream stream,
                         const Clock& clock, Metrics& metrics,
                         std::function<void(const Error&)> on_lost)
    : state_(std::make_shared<State>(std::move(executor), committer, stream, clock, metrics,
                                     std::move(on_lost))) {}

CommitQueue::~CommitQueue() {
    state_->closed = true;
    state_->completions.clear();
    state_->flights.clear();
}

store::Batch& CommitQueue::batch() {
    state_->schedule();
    return state_->open;
}

void CommitQueue::on_settled(Completion completion) {
    state_->completions.push_back(std::move(completion));
    state_->schedule();
}

bool CommitQueue::idle() const {
    return state_->flights.empty() && state_->completions.empty() && state_->open.empty();
}

bool CommitQueue::failing() const { return state_->failing; }

}  // namespace twinhub::hub

#include "gateway/tls/handshake_lane.h"

#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <utility>

namespace twinhub::gateway {
namespace {

// About two milliseconds: what a request of others may wait, and enough for handshakes to get most
// of a loop that goes round quickly.
constexpr int steps_each_round = 4;

}  // namespace

HandshakeLane& HandshakeLane::of(const Executor& executor) {
    return asio::use_service<HandshakeLane>(asio::query(executor, asio::execution::context));
}

void HandshakeLane::add(const Executor& executor, Step step) {
    HandshakeLane& lane = of(executor);
    lane.steps_.push_back(std::move(step));
    if (!std::exchange(lane.turning_, true)) lane.go_round(executor);
}

// Behind all that is ready now, and behind a look at the sockets.
void HandshakeLane::go_round(const Executor& executor) {
    asio::post(executor, [this, executor] { turn(executor); });
}

void HandshakeLane::turn(const Executor& executor) {
    for (int i = 0; i < steps_each_round && !steps_.empty(); ++i) {
        Step step = std::move(steps_.front());
        steps_.pop_front();
        step();
    }
    turning_ = !steps_.empty();
    if (turning_) go_round(executor);
}

void HandshakeLane::shutdown() { std::deque<Step>().swap(steps_); }

}  // namespace twinhub::gateway

#include "gateway/tls/crowd_lane.h"

#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <utility>

namespace twinhub::gateway {
namespace {

// About two milliseconds: what a request of others may wait, and enough for the crowd to get most
// of a loop that goes round quickly.
constexpr int cost_each_round = 32;

}  // namespace

CrowdLane& CrowdLane::of(const Executor& executor) {
    return asio::use_service<CrowdLane>(asio::query(executor, asio::execution::context));
}

void CrowdLane::add(const Executor& executor, Cost cost, Step step) {
    CrowdLane& lane = of(executor);
    lane.waiting_.push_back({cost, std::move(step)});
    if (!std::exchange(lane.turning_, true)) lane.go_round(executor);
}

// Behind all that is ready now, and behind a look at the sockets.
void CrowdLane::go_round(const Executor& executor) {
    asio::post(executor, [this, executor] { turn(executor); });
}

void CrowdLane::turn(const Executor& executor) {
    for (int cost = 0; cost < cost_each_round && !waiting_.empty();) {
        Waiting next = std::move(waiting_.front());
        waiting_.pop_front();
        cost += static_cast<int>(next.cost);
        next.step();
    }
    turning_ = !waiting_.empty();
    if (turning_) go_round(executor);
}

void CrowdLane::shutdown() { std::deque<Waiting>().swap(waiting_); }

}  // namespace twinhub::gateway

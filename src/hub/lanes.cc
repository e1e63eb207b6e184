#include "hub/lanes.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <functional>
#include <unordered_map>

namespace twinhub::hub {

struct Lanes::State {
    explicit State(Executor loop) : executor(std::move(loop)) {}
    Executor executor;
    // A name is here while somebody is in its lane; the queue holds who waits.
    std::unordered_map<std::string, std::deque<std::move_only_function<void()>>> lanes;
};

Lanes::Guard& Lanes::Guard::operator=(Guard&& other) noexcept {
    if (this != &other) {
        leave();
        state_ = std::move(other.state_);
        name_ = std::move(other.name_);
        other.state_.reset();
    }
    return *this;
}

void Lanes::Guard::leave() {
    if (!state_) return;
    const auto lane = state_->lanes.find(name_);
    if (lane->second.empty()) {
        state_->lanes.erase(lane);
    } else {
        // Posted, not called: the next one must not run inside the end of this one.
        asio::post(state_->executor, std::move(lane->second.front()));
        lane->second.pop_front();
    }
    state_.reset();
}

Lanes::Lanes(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

bool Lanes::empty() const { return state_->lanes.empty(); }

Task<Lanes::Guard> Lanes::enter(std::string name) {
    const auto [lane, free] = state_->lanes.try_emplace(name);
    if (!free) {
        auto& queue = lane->second;
        co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [&queue](auto handler) {
                queue.emplace_back([h = std::move(handler)]() mutable { std::move(h)(); });
            },
            asio::use_awaitable);
    }
    co_return Guard(state_, std::move(name));
}

}  // namespace twinhub::hub

#pragma once

#include "base/task.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <utility>
#include <vector>

namespace twinhub::hub {

// Where coroutines of one loop wait until something has happened, whatever it was.
class Pulse {
public:
    explicit Pulse(Executor loop) : loop_(std::move(loop)) {}

    Task<> wait() {
        return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [this](auto handler) {
                waiting_.emplace_back([h = std::move(handler)]() mutable { std::move(h)(); });
            },
            asio::use_awaitable);
    }
    void wake() {
        for (auto& next : std::exchange(waiting_, {})) asio::post(loop_, std::move(next));
    }
    // Nobody waits any more, or ever comes back.
    void drop() { std::exchange(waiting_, {}).clear(); }

private:
    Executor loop_;
    std::vector<std::move_only_function<void()>> waiting_;
};

}  // namespace twinhub::hub

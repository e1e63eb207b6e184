#pragma once

#include "base/task.h"
#include "gateway/deadlines.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <utility>

namespace twinhub::gateway {

// Lets a coroutine wait for a time, or for somebody who wakes it. One waits at a time.
class Pause final : private Deadline {
public:
    Pause(Executor executor, Deadlines& deadlines)
        : executor_(std::move(executor)), deadlines_(deadlines) {}

    // Until then, up to a second longer, or until wake().
    Task<> until(Moment at) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
            [this, at](auto handler) {
                resume_ = [handler = std::move(handler)]() mutable { std::move(handler)(); };
                deadlines_.schedule(*this, at);
            },
            asio::use_awaitable);
    }
    void wake() {
        cancel();
        if (resume_ == nullptr) return;
        asio::post(executor_, [resume = std::exchange(resume_, nullptr)]() mutable { resume(); });
    }
    bool is_waiting() const { return resume_ != nullptr; }

private:
    void expired(Moment) override { wake(); }

    Executor executor_;
    Deadlines& deadlines_;
    std::move_only_function<void()> resume_;
};

}  // namespace twinhub::gateway

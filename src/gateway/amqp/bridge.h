#pragma once

#include "base/task.h"

#include <boost/asio/post.hpp>

#include <memory>
#include <utility>

namespace twinhub::gateway::amqp {

// The way to an object that lives on one loop, for callers on one other loop or on the same. Calls
// arrive in their order; those to an object that has gone do nothing. Two of them, one each way,
// are all that a connection and the hub's side of an identity on it share.
template <class There>
class Way {
public:
    Way() = default;
    Way(Executor loop, std::weak_ptr<There> there)
        : loop_(std::move(loop)), there_(std::move(there)) {}

    // `call(There&)` runs on the other loop; at once when `here`, the caller's, is that loop.
    template <class Call>
    void call(const Executor& here, Call call) const {
        if (here == loop_) {
            if (const auto there = there_.lock()) call(*there);
            return;
        }
        asio::post(loop_, [there = there_, call = std::move(call)]() mutable {
            if (const auto alive = there.lock()) call(*alive);
        });
    }

private:
    Executor loop_;
    std::weak_ptr<There> there_;
};

}  // namespace twinhub::gateway::amqp

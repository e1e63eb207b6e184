#pragma once

#include "base/task.h"

#include <boost/asio/execution_context.hpp>

#include <deque>
#include <functional>

namespace twinhub::gateway {

// What one loop has yet to do for those who come or leave all at once: a step of a handshake is up
// to a millisecond of arithmetic, an end some fifty microseconds. A few steps are taken each time
// that the loop has gone round, so that whoever is connected already is answered in between. One
// for each loop; used on its loop only.
class CrowdLane final : public asio::execution_context::service {
public:
    using key_type = CrowdLane;
    using Step = std::move_only_function<void()>;
    inline static asio::execution_context::id id;

    enum class Cost : int { end = 1, handshake = 8 };  // about how they compare

    explicit CrowdLane(asio::execution_context& context) : service(context) {}

    // Takes the step from the loop's queue, behind the steps that came before it.
    static void add(const Executor& executor, Cost cost, Step step);

private:
    struct Waiting {
        Cost cost;
        Step step;
    };

    static CrowdLane& of(const Executor& executor);
    void shutdown() override;
    void go_round(const Executor& executor);
    void turn(const Executor& executor);

    std::deque<Waiting> waiting_;
    bool turning_ = false;
};

}  // namespace twinhub::gateway

#pragma once

#include "base/task.h"

#include <boost/asio/execution_context.hpp>

#include <deque>
#include <functional>

namespace twinhub::gateway {

// The steps of handshakes that one loop has yet to take. Each costs up to a millisecond of
// arithmetic, and a thousand devices may come at once: a few steps are taken each time that the
// loop has gone round, so that whoever is connected already is answered in between. One for each
// loop; used on its loop only.
class HandshakeLane final : public asio::execution_context::service {
public:
    using key_type = HandshakeLane;
    using Step = std::move_only_function<void()>;
    inline static asio::execution_context::id id;

    explicit HandshakeLane(asio::execution_context& context) : service(context) {}

    // Takes the step from the loop's queue, behind the steps that came before it.
    static void add(const Executor& executor, Step step);

private:
    static HandshakeLane& of(const Executor& executor);
    void shutdown() override;
    void go_round(const Executor& executor);
    void turn(const Executor& executor);

    std::deque<Step> steps_;
    bool turning_ = false;
};

}  // namespace twinhub::gateway

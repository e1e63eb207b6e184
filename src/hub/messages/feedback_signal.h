#pragma once

#include "base/shared_value.h"
#include "base/task.h"

#include <functional>
#include <memory>
#include <vector>

namespace twinhub::hub {

// Wakes who waits for feedback. Raised on any loop; several wake-ups that nobody has heard yet are
// one.
class FeedbackSignal : public std::enable_shared_from_this<FeedbackSignal> {
public:
    class Subscription {
    public:
        ~Subscription();
        Subscription(const Subscription&) = delete;
        Subscription& operator=(const Subscription&) = delete;

    private:
        friend class FeedbackSignal;
        struct State;
        Subscription(std::shared_ptr<FeedbackSignal> signal, std::shared_ptr<State> state)
            : signal_(std::move(signal)), state_(std::move(state)) {}
        std::shared_ptr<FeedbackSignal> signal_;
        std::shared_ptr<State> state_;
    };

    // Begins and ends on the loop of `executor`. Calls once at the beginning.
    std::unique_ptr<Subscription> listen(Executor executor, std::function<void()> ready);
    void raise();

private:
    using States = std::vector<std::shared_ptr<Subscription::State>>;
    static void wake(const std::shared_ptr<Subscription::State>& state);
    SharedValue<const States> states_{std::make_shared<const States>()};
};

}  // namespace twinhub::hub

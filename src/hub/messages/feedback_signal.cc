#include "hub/messages/feedback_signal.h"

#include <boost/asio/post.hpp>

#include <atomic>

namespace twinhub::hub {

struct FeedbackSignal::Subscription::State {
    Executor executor;
    std::shared_ptr<const std::function<void()>> ready;  // on its loop only; nullptr: ended
    std::atomic<bool> on_its_way = false;
};

FeedbackSignal::Subscription::~Subscription() {
    state_->ready = nullptr;
    signal_->states_.update([this](const std::shared_ptr<const States>& old) {
        auto remaining = std::make_shared<States>(*old);
        std::erase(*remaining, state_);
        return remaining;
    });
}

std::unique_ptr<FeedbackSignal::Subscription> FeedbackSignal::listen(Executor executor,
                                                                     std::function<void()> ready) {
    auto state = std::make_shared<Subscription::State>();
    state->executor = std::move(executor);
    state->ready = std::make_shared<const std::function<void()>>(std::move(ready));
    states_.update([&state](const std::shared_ptr<const States>& old) {
        auto more = std::make_shared<States>(*old);
        more->push_back(state);
        return more;
    });
    wake(state);
    return std::unique_ptr<Subscription>(new Subscription(shared_from_this(), std::move(state)));
}

void FeedbackSignal::wake(const std::shared_ptr<Subscription::State>& state) {
    if (state->on_its_way.exchange(true)) return;
    asio::post(state->executor, [state] {
        state->on_its_way = false;
        if (const auto ready = state->ready) (*ready)();
    });
}

void FeedbackSignal::raise() {
    const auto states = states_.load();
    for (const auto& state : *states) wake(state);
}

}  // namespace twinhub::hub

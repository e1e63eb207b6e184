#include "hub/device_events.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::hub {

struct DeviceEvents::Subscription::State {
    Executor executor;
    std::size_t waiting_max = 0;
    std::shared_ptr<const Listener>
        listener;  // touched on its own loop only; nullptr: heard enough
    std::atomic<std::size_t> waiting = 0;
    std::atomic<std::uint64_t> lost = 0;
};

DeviceEvents::Subscription::~Subscription() {
    state_->listener = nullptr;
    events_.states_.update([this](const std::shared_ptr<const States>& old) {
        auto remaining = std::make_shared<States>(*old);
        std::erase(*remaining, state_);
        return remaining;
    });
    events_.heard_.fetch_sub(1, std::memory_order_relaxed);
}

std::uint64_t DeviceEvents::Subscription::lost() const {
    return state_->lost.load(std::memory_order_relaxed);
}

std::unique_ptr<DeviceEvents::Subscription> DeviceEvents::listen(Executor executor,
                                                                 std::size_t waiting_max,
                                                                 Listener listener) {
    auto state = std::make_shared<Subscription::State>();
    state->executor = std::move(executor);
    state->waiting_max = waiting_max;
    state->listener = std::make_shared<const Listener>(std::move(listener));
    states_.update([&state](const std::shared_ptr<const States>& old) {
        auto more = std::make_shared<States>(*old);
        more->push_back(state);
        return more;
    });
    heard_.fetch_add(1, std::memory_order_relaxed);
    return std::unique_ptr<Subscription>(new Subscription(*this, std::move(state)));
}

void DeviceEvents::publish(std::shared_ptr<const DeviceEvent> event) {
    const auto states = states_.load();
    for (const auto& state : *states) {
        if (state->waiting.fetch_add(1, std::memory_order_relaxed) >= state->waiting_max) {
            state->waiting.fetch_sub(1, std::memory_order_relaxed);
            state->lost.fetch_add(1, std::memory_order_relaxed);
            continue;
        }
        asio::post(state->executor, [state, event] {
            state->waiting.fetch_sub(1, std::memory_order_relaxed);
            if (const auto hears = state->listener) (*hears)(event);
        });
    }
}

}  // namespace twinhub::hub

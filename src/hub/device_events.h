#pragma once

#include "base/ids.h"
#include "base/shared_value.h"
#include "base/task.h"
#include "base/time.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace twinhub::hub {

// A message from a device. twinhub does not keep it: it goes to whoever listens now, and is
// counted.
struct DeviceEvent {
    TwinId id;
    Instant at{};
    std::vector<std::pair<std::string, std::string>> properties;  // as decoded from the topic
    std::string payload;
};

// Where device messages pass by, on their way to sinks (spec device-protocols 3.2). Published on
// any loop, heard on the loop of each listener; costs nothing while nobody listens.
class DeviceEvents {
public:
    using Listener =
        std::function<void(std::shared_ptr<const DeviceEvent>)>;  // may end its own subscription

    // Hears until destroyed. A listener with `waiting_max` events on their way to it loses further
    // ones, and can ask how many.
    class Subscription {
    public:
        ~Subscription();
        Subscription(const Subscription&) = delete;
        Subscription& operator=(const Subscription&) = delete;
        std::uint64_t lost() const;

    private:
        friend class DeviceEvents;
        struct State;
        Subscription(DeviceEvents& events, std::shared_ptr<State> state)
            : events_(events), state_(std::move(state)) {}
        DeviceEvents& events_;
        std::shared_ptr<State> state_;
    };

    // Listening begins and ends on the listener's loop, which must outlive all who publish, as
    // `events` must outlive the subscription.
    std::unique_ptr<Subscription> listen(Executor executor, std::size_t waiting_max,
                                         Listener listener);

    bool is_heard() const { return heard_.load(std::memory_order_relaxed) != 0; }
    void publish(std::shared_ptr<const DeviceEvent> event);

private:
    using States = std::vector<std::shared_ptr<Subscription::State>>;
    SharedValue<const States> states_{std::make_shared<const States>()};
    std::atomic<std::size_t> heard_ = 0;
};

}  // namespace twinhub::hub

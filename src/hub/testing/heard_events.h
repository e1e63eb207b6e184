#pragma once

#include "base/json.h"
#include "hub/device_events.h"
#include "hub/testing/test_hub.h"

#include <memory>
#include <string>
#include <vector>

namespace twinhub::hub::testing {

// What passes by on a bus of the hub from now on; ends before the hub does.
class HeardEvents {
public:
    HeardEvents(TestHub& hub, DeviceEvents& bus)
        : hub_(hub),
          subscription_(bus.listen(hub.hub().shards().at(0).executor(), 1000,
                                   [this](const std::shared_ptr<const DeviceEvent>& event) {
                                       for (const auto& [name, value] : event->properties)
                                           if (name == "opType") kinds_.push_back(value);
                                       bodies_.push_back(
                                           parse_json(event->payload).value().as_object());
                                   })) {}

    const std::vector<std::string>& kinds() {
        hub_.settle();
        return kinds_;
    }
    const json::object& last() { return last(kinds().back()); }
    const json::object& last(const std::string& kind) {
        for (std::size_t i = kinds().size(); i-- > 0;)
            if (kinds_[i] == kind) return bodies_[i];
        static const json::object none;
        return none;
    }

private:
    TestHub& hub_;
    std::vector<std::string> kinds_;
    std::vector<json::object> bodies_;
    std::unique_ptr<DeviceEvents::Subscription> subscription_;
};

}  // namespace twinhub::hub::testing

#pragma once

#include "mqtt_device.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::load {

// Many devices on one reactor.
class Fleet final : public DeviceOwner {
public:
    Fleet(Reactor& reactor, const TlsContext& tls, const DeviceSettings& settings,
          std::uint64_t first, std::uint64_t count);

    // Connects those that are not, `at_once` at a time. Those that fail are not tried again.
    // Returns how many are connected in the end.
    std::size_t connect_all(std::size_t at_once, std::uint64_t seconds_max);

    std::vector<std::unique_ptr<MqttDevice>>& devices() { return devices_; }
    std::size_t connected_count() const { return connected_count_; }
    // Why connections failed or ended, and how often.
    const std::map<std::string, std::uint64_t>& losses() const { return losses_; }

    // Hooks of the running mode; may be empty.
    std::function<void(MqttDevice&)> on_connected;
    std::function<void(MqttDevice&, RequestKind, std::uint64_t since_ns, const Answer&)>
        on_answered;
    std::function<void(MqttDevice&)> on_lost;

private:
    void connected(MqttDevice& device) override;
    void answered(MqttDevice& device, RequestKind kind, std::uint64_t since_ns,
                  const Answer& answer) override;
    void lost(MqttDevice& device, std::string_view why) override;

    Reactor& reactor_;
    std::vector<std::unique_ptr<MqttDevice>> devices_;
    std::map<std::string, std::uint64_t> losses_;
    std::size_t connected_count_ = 0;
    std::size_t settled_count_ = 0;  // connected or failed, since connect_all began
};

}  // namespace twinhub::load

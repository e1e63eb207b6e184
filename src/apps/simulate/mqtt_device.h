#pragma once

#include "apps/simulate/device.h"
#include "apps/simulate/mqtt_link.h"

namespace twinhub::apps {

// A device over MQTT 3.1.1 (spec device-protocols 1, 2).
class MqttDevice final : public DeviceClient, public std::enable_shared_from_this<MqttDevice> {
public:
    MqttDevice(Executor executor, std::unique_ptr<gateway::ClientStream> stream,
               DeviceEvents events);

    Task<Result<>> open(gateway::ServerEndpoint endpoint, DeviceLogin login,
                        std::uint64_t token_expiry) override;
    Task<Result<>> run() override;
    void get_twin(std::string_view rid) override;
    void report(std::string_view rid, const json::object& patch) override;
    void ping() override;
    void goodbye() override;
    void close() override;

private:
    void take(std::string_view topic, std::string_view payload);

    std::shared_ptr<MqttLink> link_;
    DeviceEvents events_;
};

}  // namespace twinhub::apps

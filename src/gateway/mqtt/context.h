#pragma once

#include "gateway/deadlines.h"
#include "gateway/device_gate.h"
#include "gateway/kept_connections.h"
#include "gateway/mqtt/metrics.h"
#include "gateway/transport.h"
#include "hub/hub.h"
#include "protocol/mqtt/session.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::provisioning {
class Provisioning;
}  // namespace twinhub::provisioning

namespace twinhub::gateway::mqtt {

class MqttConnection;
class ProvisioningConnection;

struct MqttSettings {
    protocol::mqtt::Limits limits;
    std::size_t unsent_pause_bytes = 256 << 10;  // above it nothing more is read from the device
    std::size_t unsent_close_bytes = 1 << 20;    // above it the device is cut off
    std::chrono::seconds sas_grace{300};  // from a token's expiry to the end of its connection
    DeviceGate gate;
};

// What the MQTT connections of one loop share. Outlives them.
class MqttContext {
public:
    MqttContext(hub::Hub& hub, hub::Shard& shard, Deadlines& deadlines, MqttMetrics& metrics,
                MqttSettings settings, provisioning::Provisioning* provisioning = nullptr);
    ~MqttContext();
    MqttContext(const MqttContext&) = delete;
    MqttContext& operator=(const MqttContext&) = delete;

    // The contexts of all loops, by shard: set once, before the first connection.
    void introduce(std::vector<MqttContext*> all) { all_ = std::move(all); }
    MqttContext& of(const TwinId& id);

    // Takes an accepted connection on this loop; lets go of it when the server stops.
    void serve(std::unique_ptr<Transport> transport);
    KeptConnections<MqttConnection>& connections() { return connections_; }
    // Those to the provisioning service, which stay where they were accepted.
    KeptConnections<ProvisioningConnection>& provisioning_connections() {
        return provisioning_connections_;
    }
    void stop();  // closes all that are here, and all that come

    hub::Hub& hub() { return hub_; }
    hub::Shard& shard() { return shard_; }
    provisioning::Provisioning* provisioning() const { return provisioning_; }  // or nullptr
    Deadlines& deadlines() { return deadlines_; }
    MqttMetrics& metrics() { return metrics_; }
    const MqttSettings& settings() const { return settings_; }
    std::span<const std::string> hosts() const { return hosts_; }

    // Buffers for one turn of the loop; empty between turns.
    std::array<std::byte, 32 * 1024> input{};
    std::string output;
    protocol::mqtt::Events events;

private:
    hub::Hub& hub_;
    hub::Shard& shard_;
    Deadlines& deadlines_;
    MqttMetrics& metrics_;
    MqttSettings settings_;
    std::vector<std::string> hosts_;
    std::vector<MqttContext*> all_;
    KeptConnections<MqttConnection> connections_;
    KeptConnections<ProvisioningConnection> provisioning_connections_;
    provisioning::Provisioning* provisioning_;
};

}  // namespace twinhub::gateway::mqtt

#include "gateway/mqtt/context.h"

#include "gateway/mqtt/connection.h"
#include "gateway/mqtt/provisioning_connection.h"

namespace twinhub::gateway::mqtt {

MqttContext::MqttContext(hub::Hub& hub, hub::Shard& shard, Deadlines& deadlines,
                         MqttMetrics& metrics, MqttSettings settings,
                         provisioning::Provisioning* provisioning)
    : hub_(hub),
      shard_(shard),
      deadlines_(deadlines),
      metrics_(metrics),
      settings_(std::move(settings)),
      provisioning_(provisioning) {
    hosts_.push_back(hub.settings().name);
    hosts_.insert(hosts_.end(), hub.settings().aliases.begin(), hub.settings().aliases.end());
}

MqttContext::~MqttContext() = default;

MqttContext& MqttContext::of(const TwinId& id) { return *all_[slot_of(id.device) % all_.size()]; }

void MqttContext::serve(std::unique_ptr<Transport> transport) {
    if (stopping_) return;
    auto connection = std::make_shared<MqttConnection>(std::move(transport), *this);
    adopt(connection);
    metrics_.connections.Increment();
    connection->start();
}

void MqttContext::adopt(std::shared_ptr<MqttConnection> connection) {
    const auto& adopted = *connections_.insert(std::move(connection)).first;
    // It was on its way between two loops when the server began to stop.
    if (stopping_) std::shared_ptr(adopted)->stop();
}

void MqttContext::release(const std::shared_ptr<MqttConnection>& connection) {
    connections_.erase(connection);
}

void MqttContext::adopt(std::shared_ptr<ProvisioningConnection> connection) {
    const auto& adopted = *provisioning_connections_.insert(std::move(connection)).first;
    if (stopping_) std::shared_ptr(adopted)->stop();
}

void MqttContext::release(const std::shared_ptr<ProvisioningConnection>& connection) {
    provisioning_connections_.erase(connection);
}

void MqttContext::stop() {
    stopping_ = true;
    const std::vector<std::shared_ptr<ProvisioningConnection>> asking(
        provisioning_connections_.begin(), provisioning_connections_.end());
    for (const auto& connection : asking) connection->stop();
    const std::vector<std::shared_ptr<MqttConnection>> all(connections_.begin(),
                                                           connections_.end());
    for (const auto& connection : all) connection->stop();
}

}  // namespace twinhub::gateway::mqtt

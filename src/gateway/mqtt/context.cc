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
    if (connections_.is_stopping()) return;
    auto connection = std::make_shared<MqttConnection>(std::move(transport), *this);
    connections_.adopt(connection);
    metrics_.connections.Increment();
    connection->start();
}

void MqttContext::stop() {
    provisioning_connections_.stop();
    connections_.stop();
}

}  // namespace twinhub::gateway::mqtt

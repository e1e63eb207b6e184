#include "gateway/amqp/context.h"

#include "gateway/amqp/connection.h"
#include "gateway/amqp/delegate.h"

namespace twinhub::gateway::amqp {

AmqpContext::AmqpContext(hub::Hub& hub, hub::Shard& shard, Deadlines& deadlines,
                         AmqpMetrics& metrics, AmqpSettings settings,
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

AmqpContext::~AmqpContext() = default;

AmqpContext& AmqpContext::of(const TwinId& id) { return *all_[slot_of(id.device) % all_.size()]; }

void AmqpContext::serve(std::unique_ptr<Transport> transport) {
    if (connections_.is_stopping()) return;
    auto connection = std::make_shared<AmqpConnection>(std::move(transport), *this);
    connections_.adopt(connection);
    metrics_.connections.Increment();
    connection->start();
}

void AmqpContext::adopt(std::shared_ptr<Delegate> delegate) {
    delegates_.insert(std::move(delegate));
}

void AmqpContext::release(const std::shared_ptr<Delegate>& delegate) { delegates_.erase(delegate); }

void AmqpContext::stop() { connections_.stop(); }

}  // namespace twinhub::gateway::amqp

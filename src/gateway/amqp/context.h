#pragma once

#include "gateway/amqp/metrics.h"
#include "gateway/deadlines.h"
#include "gateway/device_gate.h"
#include "gateway/kept_connections.h"
#include "gateway/transport.h"
#include "hub/hub.h"
#include "protocol/amqp/limits.h"

#include <array>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

namespace twinhub::provisioning {
class Provisioning;
}  // namespace twinhub::provisioning

namespace twinhub::gateway::amqp {

class AmqpConnection;
class Delegate;

struct AmqpSettings {
    protocol::amqp::Limits limits;
    std::size_t identities_max = 1000;           // on one connection; as many tokens
    std::size_t unanswered_max = 128;            // requests; above it nothing more is read
    std::size_t unsent_pause_bytes = 256 << 10;  // above it nothing more is read
    std::size_t unsent_close_bytes = 1 << 20;    // above it the connection ends
    std::size_t waiting_max = 100;               // messages of a link without credit (4.4)
    std::size_t waiting_bytes_max = 1 << 20;
    std::uint32_t messages_in_hands_max = 50;  // cloud-to-device, delivered and not settled
    std::chrono::seconds authorise_within{30};
    // How long a client with a certificate may take to name an identity, before that of the
    // certificate's common name connects. Provisioning clients name theirs at once.
    std::chrono::seconds certificate_waits{2};
    std::chrono::seconds sas_grace{300};  // from a token's expiry to the end of its links
    DeviceGate gate;
};

// What the AMQP connections of one loop share. Outlives them.
class AmqpContext {
public:
    AmqpContext(hub::Hub& hub, hub::Shard& shard, Deadlines& deadlines, AmqpMetrics& metrics,
                AmqpSettings settings, provisioning::Provisioning* provisioning = nullptr);
    ~AmqpContext();
    AmqpContext(const AmqpContext&) = delete;
    AmqpContext& operator=(const AmqpContext&) = delete;

    // The contexts of all loops, by shard: set once, before the first connection.
    void introduce(std::vector<AmqpContext*> all) { all_ = std::move(all); }
    AmqpContext& of(const TwinId& id);

    void serve(std::unique_ptr<Transport> transport);
    KeptConnections<AmqpConnection>& connections() { return connections_; }
    // The hub's side of identities that live here, whatever loop their connection is on.
    void adopt(std::shared_ptr<Delegate> delegate);
    void release(const std::shared_ptr<Delegate>& delegate);
    void stop();  // closes all that are here, and all that come
    std::size_t delegates() const { return delegates_.size(); }

    hub::Hub& hub() { return hub_; }
    hub::Shard& shard() { return shard_; }
    const Executor& executor() const { return shard_.executor(); }
    provisioning::Provisioning* provisioning() const { return provisioning_; }  // or nullptr
    Deadlines& deadlines() { return deadlines_; }
    AmqpMetrics& metrics() { return metrics_; }
    const AmqpSettings& settings() const { return settings_; }
    std::span<const std::string> hosts() const { return hosts_; }

    // Buffers for one turn of the loop; empty between turns.
    std::array<std::byte, 32 * 1024> input{};
    std::string output;

private:
    hub::Hub& hub_;
    hub::Shard& shard_;
    Deadlines& deadlines_;
    AmqpMetrics& metrics_;
    AmqpSettings settings_;
    std::vector<std::string> hosts_;
    std::vector<AmqpContext*> all_;
    KeptConnections<AmqpConnection> connections_;
    std::unordered_set<std::shared_ptr<Delegate>> delegates_;
    provisioning::Provisioning* provisioning_;
};

}  // namespace twinhub::gateway::amqp

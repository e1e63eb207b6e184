#pragma once

#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/mqtt/context.h"
#include "protocol/mqtt/provisioning_session.h"
#include "protocol/mqtt/session.h"
#include "provisioning/provisioning.h"

#include <memory>
#include <string>

namespace twinhub::gateway::mqtt {

// A device that asks the provisioning service for its hub over MQTT: joins the transport, the
// session and the service. It stays on the loop that accepted it; the service travels.
class ProvisioningConnection final : private Deadline,
                                     public std::enable_shared_from_this<ProvisioningConnection> {
public:
    // `asked`: what the CONNECT said, and what came behind it.
    ProvisioningConnection(std::unique_ptr<Transport> transport, MqttContext& context,
                           protocol::mqtt::Provision asked);
    ~ProvisioningConnection() override;

    void start();
    void stop();  // closes: the server shuts down

private:
    void expired(Moment now) override;
    void wait_readable();
    void read();
    void receive(std::span<const std::byte> bytes);
    // Takes what it needs of the request, which does not outlive the call, and answers it later.
    void ask(const protocol::mqtt::AskProvisioning& asked);
    Task<> answer(std::shared_ptr<ProvisioningConnection> self, std::string rid,
                  std::string operation, std::string payload);
    Task<provisioning::Outcome> outcome_of(std::string operation, std::string payload);
    void flush();
    void close(protocol::mqtt::CloseReason reason);

    std::unique_ptr<Transport> transport_;
    MqttContext& context_;
    protocol::mqtt::Provision asked_;
    std::string greeting_;  // the CONNACK, until it is sent
    protocol::mqtt::ProvisioningSession session_;
    protocol::mqtt::ProvisioningEvents events_;
    int refusals_ = 0;
    bool waiting_ = false;
    bool closed_ = false;
};

}  // namespace twinhub::gateway::mqtt

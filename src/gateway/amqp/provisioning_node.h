#pragma once

#include "base/task.h"
#include "gateway/amqp/link.h"
#include "protocol/amqp/address.h"
#include "provisioning/provisioning.h"

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace twinhub::gateway::amqp {

class AmqpContext;

// A device at the provisioning service: one link each way under its registration id (spec
// device-protocols 7.4). The connection stays on the loop that accepted it; the service travels.
class ProvisioningNode final : public AmqpLink,
                               public std::enable_shared_from_this<ProvisioningNode> {
public:
    // `token`: what SASL PLAIN brought; empty when a certificate has to do.
    ProvisioningNode(AmqpConnection& connection, const protocol::amqp::Address& address,
                     std::string token);

    bool is_for(const protocol::amqp::Address& address) const;
    void add(const protocol::amqp::LinkOffered& offer);
    bool empty() const { return !requests_ && !box_.is_attached(); }

    void arrived(protocol::amqp::Arrived& message) override;
    void sendable(protocol::amqp::LinkNumber) override { box_.flush(); }
    void gone(protocol::amqp::LinkNumber link) override;

private:
    struct Request {
        protocol::amqp::DeliveryNumber delivery = 0;
        protocol::amqp::Value correlation_id;
        std::string operation;  // empty: register
        std::string body;
    };
    // The connection may go while its answer is made; the context outlives it.
    static Task<> answer(std::shared_ptr<ProvisioningNode> self,
                         std::weak_ptr<AmqpConnection> connection, AmqpContext& context,
                         provisioning::Caller caller, Request request);
    void deliver(const Request& request, const provisioning::Answer& answer);
    void refuse(protocol::amqp::DeliveryNumber delivery, const provisioning::Refusal& refusal);

    AmqpConnection& connection_;
    std::string scope_;
    std::string registration_;
    std::string token_;
    std::optional<protocol::amqp::LinkNumber> requests_;
    Outbox box_;
    std::size_t under_way_ = 0;
    int refusals_ = 0;
};

}  // namespace twinhub::gateway::amqp

#pragma once

#include "gateway/amqp/link.h"

#include <memory>
#include <vector>

namespace twinhub::gateway::amqp {

// `$cbs` of one connection: takes tokens, says whether they are good (spec device-protocols 4.2).
class CbsNode final : public AmqpLink, public std::enable_shared_from_this<CbsNode> {
public:
    explicit CbsNode(AmqpConnection& connection) : connection_(connection) {}

    // A link of the client to send us tokens, or to hear from us.
    void add(const protocol::amqp::LinkOffered& offer);

    void arrived(protocol::amqp::Arrived& message) override;
    void sendable(protocol::amqp::LinkNumber link) override;
    void gone(protocol::amqp::LinkNumber link) override;

private:
    struct Sender {
        protocol::amqp::LinkNumber link = 0;
        protocol::amqp::SessionNumber session = 0;
    };
    struct Receiver {
        protocol::amqp::SessionNumber session = 0;
        std::unique_ptr<Outbox> box;
    };
    void answer(protocol::amqp::SessionNumber session, protocol::amqp::Message response);

    AmqpConnection& connection_;
    std::vector<Sender> senders_;
    std::vector<Receiver> receivers_;
    std::vector<protocol::amqp::Message> early_;  // before there is a receiver
};

}  // namespace twinhub::gateway::amqp

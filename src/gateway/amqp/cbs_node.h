#pragma once

#include "gateway/amqp/link.h"

#include <memory>
#include <vector>

namespace twinhub::gateway::amqp {

// `$cbs` of one connection: takes tokens, says whether they are good (spec device-protocols 4.2). A
// connection may have several pairs of links to it, in one session or in many: each hears of its
// own requests.
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
        protocol::amqp::LinkNumber receiver = 0;  // its counterpart; 0 = none yet
    };
    struct Receiver {
        protocol::amqp::LinkNumber link = 0;
        protocol::amqp::SessionNumber session = 0;
        std::string address;  // as the client calls it
        std::unique_ptr<Outbox> box;
    };
    // Where a request came from, and where its answer is wanted.
    struct Origin {
        protocol::amqp::LinkNumber sender = 0;
        protocol::amqp::SessionNumber session = 0;
        std::string reply_to;
    };
    void pair_up();
    Receiver& receiver_for(const Origin& origin);
    void answer(const Origin& origin, protocol::amqp::Message response);

    AmqpConnection& connection_;
    std::vector<Sender> senders_;
    std::vector<Receiver> receivers_;
    std::vector<protocol::amqp::Message> early_;  // before there is a receiver
};

}  // namespace twinhub::gateway::amqp

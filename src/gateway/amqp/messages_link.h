#pragma once

#include "gateway/amqp/link.h"
#include "gateway/amqp/seat.h"
#include "hub/messages/cloud_message.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::gateway::amqp {

// Messages to a device: as many as it gives credit for, each its own until it says what became of
// it (spec device-protocols 4.6).
class MessagesLink final : public AmqpLink, public std::enable_shared_from_this<MessagesLink> {
public:
    MessagesLink(AmqpConnection& connection, Seat& seat, const protocol::amqp::LinkOffered& offer)
        : connection_(connection), seat_(seat), link_(offer.link), settled_(offer.settled) {}

    void add(const protocol::amqp::LinkOffered& offer);
    protocol::amqp::LinkNumber link() const { return link_; }
    void deliver(const hub::LockedMessage& message);

    void arrived(protocol::amqp::Arrived&) override {}
    void sendable(protocol::amqp::LinkNumber link) override;
    void settled(const protocol::amqp::Settled& settled) override;
    void gone(protocol::amqp::LinkNumber link) override;

private:
    void flush();
    void want();
    void settle_at_hub(const std::string& token, hub::Outcome outcome,
                       protocol::amqp::DeliveryNumber delivery);

    AmqpConnection& connection_;
    Seat& seat_;
    protocol::amqp::LinkNumber link_;
    bool settled_;
    bool gone_ = false;
    std::vector<hub::LockedMessage> waiting_;  // for credit that was taken back
    std::map<protocol::amqp::DeliveryNumber, std::string> in_hands_;  // with their lock tokens
};

}  // namespace twinhub::gateway::amqp

#pragma once

#include "gateway/amqp/link.h"
#include "hub/access.h"
#include "hub/messages/feedback.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::gateway::amqp {

// `/messages/devicebound`: a service sends messages to devices (spec service-api 10.4).
class SendLink final : public AmqpLink, public std::enable_shared_from_this<SendLink> {
public:
    SendLink(AmqpConnection& connection, hub::Principal principal)
        : connection_(connection), principal_(std::move(principal)) {}
    void arrived(protocol::amqp::Arrived& message) override;

private:
    AmqpConnection& connection_;
    hub::Principal principal_;
};

// `/messages/serviceBound/feedback`: a service hears what became of its messages, in batches.
class FeedbackLink final : public AmqpLink, public std::enable_shared_from_this<FeedbackLink> {
public:
    FeedbackLink(AmqpConnection& connection, const protocol::amqp::LinkOffered& offer)
        : connection_(connection), link_(offer.link), settled_(offer.settled) {}
    void listen();

    void arrived(protocol::amqp::Arrived&) override {}
    void sendable(protocol::amqp::LinkNumber) override { receive(); }
    void settled(const protocol::amqp::Settled& settled) override;
    void gone(protocol::amqp::LinkNumber) override;

private:
    void receive();
    void received(Result<std::optional<hub::FeedbackBatch>> batch);

    AmqpConnection& connection_;
    protocol::amqp::LinkNumber link_;
    bool settled_;
    bool asking_ = false;
    bool again_ = false;  // something came while it asked
    bool gone_ = false;
    std::unique_ptr<hub::FeedbackSignal::Subscription> listening_;
    std::map<protocol::amqp::DeliveryNumber, std::string> in_hands_;  // with their lock tokens
};

}  // namespace twinhub::gateway::amqp

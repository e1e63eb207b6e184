#pragma once

#include "protocol/amqp/driver.h"
#include "protocol/amqp/message.h"

#include <optional>
#include <string>
#include <vector>

namespace twinhub::gateway::amqp {

class AmqpConnection;

// What a link is for. The connection calls it in its turn; after gone() no more.
class AmqpLink {
public:
    virtual ~AmqpLink() = default;
    virtual void arrived(protocol::amqp::Arrived& message) = 0;
    virtual void sendable(protocol::amqp::LinkNumber) {}
    virtual void settled(const protocol::amqp::Settled&) {}
    virtual void gone(protocol::amqp::LinkNumber) {}
};

// Messages for a link of ours that wait for it to be attached, or for credit. Bounded.
class Outbox {
public:
    explicit Outbox(AmqpConnection& connection) : connection_(connection) {}

    void attached(protocol::amqp::LinkNumber link, bool settled);
    void gone();
    bool is_attached() const { return link_.has_value(); }
    const std::optional<protocol::amqp::LinkNumber>& link() const { return link_; }

    // false: too much waits already.
    bool put(const protocol::amqp::Message& message);
    void flush();

private:
    AmqpConnection& connection_;
    std::optional<protocol::amqp::LinkNumber> link_;
    bool settled_ = true;
    std::vector<std::string> waiting_;
    std::size_t waiting_bytes_ = 0;
};

}  // namespace twinhub::gateway::amqp

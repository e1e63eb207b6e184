#pragma once

#include "gateway/amqp/link.h"
#include "gateway/amqp/seat.h"

namespace twinhub::gateway::amqp {

// A device's messages: acknowledged, counted and handed to whoever listens.
class TelemetryLink final : public AmqpLink {
public:
    TelemetryLink(AmqpConnection& connection, Seat& seat) : connection_(connection), seat_(seat) {}
    void arrived(protocol::amqp::Arrived& message) override;

private:
    AmqpConnection& connection_;
    Seat& seat_;
};

// A link over which nothing ever comes: inputs of modules, file notifications.
class QuietLink final : public AmqpLink {
public:
    void arrived(protocol::amqp::Arrived&) override {}
};

}  // namespace twinhub::gateway::amqp

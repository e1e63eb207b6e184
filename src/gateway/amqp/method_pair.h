#pragma once

#include "gateway/amqp/link.h"
#include "gateway/amqp/seat.h"

#include <memory>
#include <string>

namespace twinhub::gateway::amqp {

// The two links of a session over which one identity is asked to do methods, and answers (spec
// device-protocols 4.5).
class MethodPair final : public AmqpLink, public std::enable_shared_from_this<MethodPair> {
public:
    MethodPair(AmqpConnection& connection, Seat& seat, protocol::amqp::SessionNumber session,
               std::string correlation)
        : connection_(connection),
          seat_(seat),
          session_(session),
          correlation_(std::move(correlation)),
          box_(connection) {}

    int fits(const protocol::amqp::LinkOffered& offer, std::string_view correlation) const;
    void add(const protocol::amqp::LinkOffered& offer);
    bool is_whole() const { return answers_ && box_.is_attached(); }
    void invoke(std::uint64_t number, std::string_view name, std::string_view payload);

    void arrived(protocol::amqp::Arrived& message) override;
    void sendable(protocol::amqp::LinkNumber) override { box_.flush(); }
    void gone(protocol::amqp::LinkNumber link) override;

private:
    void tell_hub();

    AmqpConnection& connection_;
    Seat& seat_;
    protocol::amqp::SessionNumber session_;
    std::string correlation_;
    std::optional<protocol::amqp::LinkNumber> answers_;
    Outbox box_;
};

}  // namespace twinhub::gateway::amqp

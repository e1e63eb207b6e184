#include "gateway/amqp/messages_link.h"

#include "gateway/amqp/cloud_messages.h"
#include "gateway/amqp/conditions.h"
#include "gateway/amqp/connection.h"
#include "gateway/amqp/delegate.h"

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

namespace {

hub::Outcome outcome_of(wire::Outcome outcome) {
    switch (outcome) {
        case wire::Outcome::accepted: return hub::Outcome::complete;
        case wire::Outcome::rejected: return hub::Outcome::reject;
        case wire::Outcome::none:
        case wire::Outcome::released:
        case wire::Outcome::modified: return hub::Outcome::abandon;
    }
    return hub::Outcome::abandon;
}

}  // namespace

void MessagesLink::add(const wire::LinkOffered& offer) {
    connection_.accept(offer, shared_from_this(), &seat_);
    want();
}

// Asks for as many as there is credit for, and room in the device's hands.
void MessagesLink::want() {
    if (gone_) return;
    wire::Driver& driver = connection_.driver();
    const std::size_t held = in_hands_.size() + waiting_.size();
    const std::uint32_t most = connection_.context().settings().messages_in_hands_max;
    std::uint32_t room = held >= most ? 0 : most - static_cast<std::uint32_t>(held);
    room = std::min(room, driver.can_send(link_) ? driver.credit(link_) : 0);
    seat_.delegate.call(connection_.here(),
                        [room](Delegate& delegate) { delegate.want_messages(room); });
}

void MessagesLink::deliver(const hub::LockedMessage& message) {
    waiting_.push_back(message);
    flush();
}

void MessagesLink::sendable(wire::LinkNumber) {
    flush();
    want();
}

void MessagesLink::flush() {
    wire::Driver& driver = connection_.driver();
    std::size_t sent = 0;
    for (; sent < waiting_.size() && driver.can_send(link_); ++sent) {
        const hub::LockedMessage& message = waiting_[sent];
        std::string bytes;
        wire::append_message(bytes, cloud_message(seat_.id.device, message));
        const wire::DeliveryNumber delivery =
            driver.send(link_, bytes, settled_ ? wire::Settle::at_once : wire::Settle::watched,
                        tag_of(message.lock_token));
        if (delivery != 0) in_hands_[delivery] = message.lock_token;
        else settle_at_hub(message.lock_token, hub::Outcome::complete, 0);
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
}

void MessagesLink::settled(const wire::Settled& settled) {
    const auto found = in_hands_.find(settled.delivery);
    if (found == in_hands_.end()) return;
    if (settled.outcome == wire::Outcome::none && !settled.settled) return;
    const std::string token = std::move(found->second);
    in_hands_.erase(found);
    settle_at_hub(token, outcome_of(settled.outcome), settled.delivery);
    want();
}

// The device hears that its word is taken when it is durable.
void MessagesLink::settle_at_hub(const std::string& token, hub::Outcome outcome,
                                 wire::DeliveryNumber delivery) {
    auto done = [weak = weak_from_this(), delivery](AmqpConnection& connection,
                                                    const Result<>& settled) {
        if (delivery == 0) return;
        if (settled) return connection.driver().forget(delivery);
        const wire::Condition why = condition_of(settled.error(), connection.tracking_id());
        connection.driver().settle(delivery, wire::Outcome::rejected, &why);
    };
    seat_.delegate.call(connection_.here(),
                        [token, outcome, done = std::move(done)](Delegate& delegate) mutable {
                            delegate.settle_message(token, outcome, std::move(done));
                        });
}

void MessagesLink::gone(wire::LinkNumber) {
    gone_ = true;
    const auto self = shared_from_this();
    if (seat_.messages == self) seat_.messages = nullptr;
    seat_.delegate.call(connection_.here(), [](Delegate& delegate) { delegate.want_messages(0); });
    for (const auto& [delivery, token] : in_hands_) settle_at_hub(token, hub::Outcome::abandon, 0);
    for (const hub::LockedMessage& message : waiting_)
        settle_at_hub(message.lock_token, hub::Outcome::abandon, 0);
    in_hands_.clear();
    waiting_.clear();
}

}  // namespace twinhub::gateway::amqp

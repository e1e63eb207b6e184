#include "gateway/amqp/method_pair.h"

#include "gateway/amqp/connection.h"
#include "gateway/amqp/delegate.h"
#include "protocol/amqp/method_messages.h"

#include <algorithm>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

int MethodPair::fits(const wire::LinkOffered& offer, std::string_view correlation) const {
    const bool taken = offer.sends_to_us ? answers_.has_value() : box_.is_attached();
    if (taken || offer.session != session_) return 0;
    return !correlation.empty() && correlation == correlation_ ? 2 : 1;
}

void MethodPair::add(const wire::LinkOffered& offer) {
    connection_.accept(offer, shared_from_this(), &seat_);
    if (offer.sends_to_us) answers_ = offer.link;
    else box_.attached(offer.link, offer.settled);
    tell_hub();
}

// Methods are offered to the device while it can hear of them and answer.
void MethodPair::tell_hub() {
    const bool takes = std::ranges::any_of(
        seat_.methods, [](const std::shared_ptr<MethodPair>& pair) { return pair->is_whole(); });
    seat_.delegate.call(connection_.here(),
                        [takes](Delegate& delegate) { delegate.takes_methods(takes); });
}

void MethodPair::gone(wire::LinkNumber link) {
    if (answers_ == link) answers_.reset();
    if (box_.link() == link) box_.gone();
    const auto self = shared_from_this();
    if (!answers_ && !box_.is_attached()) std::erase(seat_.methods, self);
    tell_hub();
}

void MethodPair::invoke(std::uint64_t number, std::string_view name, std::string_view payload) {
    if (box_.put(wire::method_request(number, name, payload))) return;
    connection_.detach(
        *box_.link(),
        {std::string(wire::condition::limit_exceeded), "Too many requests wait for credit", {}});
}

void MethodPair::arrived(wire::Arrived& arrived) {
    connection_.driver().settle(arrived.delivery, wire::Outcome::accepted);
    const auto message = wire::decode_message(arrived.bytes);
    if (!message)
        return connection_.detach(
            arrived.link, {std::string(wire::condition::decode), message.error().message, {}});
    auto answer = wire::read_method_answer(*message);
    if (!answer) return;
    seat_.delegate.call(connection_.here(), [answer = std::move(*answer)](Delegate& delegate) {
        delegate.method_answered(answer.number, answer.status, answer.payload);
    });
}

}  // namespace twinhub::gateway::amqp

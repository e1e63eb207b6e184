#include "gateway/amqp/twin_pair.h"

#include "gateway/amqp/connection.h"
#include "gateway/amqp/delegate.h"
#include "gateway/wire_status.h"
#include "twin/update.h"

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

int TwinPair::fits(const wire::LinkOffered& offer, std::string_view correlation) const {
    const bool taken = offer.sends_to_us ? requests_.has_value() : box_.is_attached();
    if (taken || offer.session != session_) return 0;
    return !correlation.empty() && correlation == correlation_ ? 2 : 1;
}

void TwinPair::add(const wire::LinkOffered& offer) {
    connection_.accept(offer, shared_from_this(), &seat_);
    if (offer.sends_to_us) requests_ = offer.link;
    else box_.attached(offer.link, offer.settled);
}

void TwinPair::gone(wire::LinkNumber link) {
    if (requests_ == link) requests_.reset();
    if (box_.link() == link) box_.gone();
    // Nothing is told any more; a client that attaches again subscribes again.
    subscribed_ = false;
    if (!empty()) return;
    const auto self = shared_from_this();
    std::erase(seat_.twins, self);
}

void TwinPair::arrived(wire::Arrived& arrived) {
    if (arrived.delivery != 0) {
        connection_.driver().settle(arrived.delivery, wire::Outcome::accepted);
        connection_.driver().settle_before();
    }
    const auto message = wire::decode_message(arrived.bytes);
    if (!message)
        return connection_.detach(
            arrived.link, {std::string(wire::condition::decode), message.error().message, {}});
    const wire::Value& id = message->correlation_id;
    const auto request = wire::read_twin_request(*message);
    if (!request) return refuse(id, request.error());
    switch (request->kind) {
        case wire::TwinRequest::Kind::get: return get(id);
        case wire::TwinRequest::Kind::report:
            return report(id, request->base_version, message->body());
        case wire::TwinRequest::Kind::subscribe: subscribed_ = true; break;
        case wire::TwinRequest::Kind::unsubscribe: subscribed_ = false; break;
    }
    answer(id, 200, {}, {});
}

void TwinPair::get(const wire::Value& id) {
    if (const auto allowed =
            hub::decide(seat_.principal, hub::Operation::device_twin_read, seat_.id);
        !allowed)
        return refuse(id, allowed.error());
    connection_.expect();
    auto read = [weak = weak_from_this(), id](AmqpConnection& connection,
                                              Result<std::string> body) {
        connection.answered();
        const auto self = weak.lock();
        if (!self) return;
        if (body) self->answer(id, 200, {}, *body);
        else self->refuse(id, body.error());
    };
    seat_.delegate.call(connection_.here(), [read = std::move(read)](Delegate& delegate) mutable {
        delegate.read(std::move(read));
    });
}

void TwinPair::report(const wire::Value& id, std::optional<std::uint64_t> base_version,
                      const std::string& body) {
    if (const auto allowed = hub::decide(seat_.principal, hub::Operation::device_report, seat_.id);
        !allowed)
        return refuse(id, allowed.error());
    auto patch = twin::parse_report(body);
    if (!patch) return refuse(id, patch.error());
    connection_.expect();
    auto reported = [weak = weak_from_this(), id](AmqpConnection& connection,
                                                  Result<std::uint64_t> version) {
        connection.answered();
        const auto self = weak.lock();
        if (!self) return;
        if (version) self->answer(id, 204, *version, {});
        else self->refuse(id, version.error());
    };
    seat_.delegate.call(connection_.here(),
                        [patch = std::move(*patch), base_version,
                         reported = std::move(reported)](Delegate& delegate) mutable {
                            delegate.report(std::move(patch), base_version, std::move(reported));
                        });
}

void TwinPair::answer(const wire::Value& id, int status, std::optional<std::uint64_t> version,
                      std::string_view body) {
    put(wire::twin_response(id, status, version, body));
}

void TwinPair::refuse(const wire::Value& id, const Error& error) {
    answer(id, static_cast<int>(wire_status(error.code).http()), {}, connection_.error_body(error));
}

void TwinPair::desired_changed(std::uint64_t version, std::string_view body) {
    if (!subscribed_) return;
    connection_.context().hub().metrics().notifications_sent.Increment();
    put(wire::desired_notification(version, body));
}

void TwinPair::put(const wire::Message& message) {
    const auto self = shared_from_this();
    if (box_.put(message)) return;
    const auto link = box_.link() ? box_.link() : requests_;
    if (link)
        connection_.detach(*link, {std::string(wire::condition::limit_exceeded),
                                   "Too many messages wait for credit",
                                   {}});
}

}  // namespace twinhub::gateway::amqp

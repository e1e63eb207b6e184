#include "gateway/amqp/cbs_node.h"

#include "gateway/amqp/connection.h"
#include "gateway/wire_status.h"
#include "protocol/amqp/cbs.h"

#include <algorithm>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

void CbsNode::add(const wire::LinkOffered& offer) {
    connection_.accept(offer, shared_from_this(), nullptr);
    if (offer.sends_to_us) {
        senders_.push_back({offer.link, offer.session});
        return;
    }
    Receiver receiver{offer.session, std::make_unique<Outbox>(connection_)};
    receiver.box->attached(offer.link, offer.settled);
    for (const wire::Message& response : early_) (void)receiver.box->put(response);
    early_ = {};
    receivers_.push_back(std::move(receiver));
}

void CbsNode::arrived(wire::Arrived& message) {
    const auto sender = std::ranges::find(senders_, message.link, &Sender::link);
    const wire::SessionNumber session = sender != senders_.end() ? sender->session : 0;
    // The request is settled before it is answered: uamqp takes no answer before that.
    connection_.driver().settle(message.delivery, wire::Outcome::accepted);
    auto request = wire::decode_message(message.bytes);
    if (!request) return;
    auto put = wire::read_put_token(*request);
    if (!put) return answer(session, wire::cbs_response(*request, 400, put.error().message));
    request->value.reset();  // the token is not needed twice
    connection_.expect();
    connection_.put_token(
        std::move(*put), [weak = weak_from_this(), session, request = std::move(*request)](
                             int status, std::string_view description) {
            const auto self = weak.lock();
            if (!self) return;
            self->connection_.answered();
            self->answer(session, wire::cbs_response(request, status, description));
        });
}

void CbsNode::answer(wire::SessionNumber session, wire::Message response) {
    if (receivers_.empty()) {
        if (early_.size() < connection_.context().settings().waiting_max)
            early_.push_back(std::move(response));
        return;
    }
    auto to = std::ranges::find(receivers_, session, &Receiver::session);
    if (to == receivers_.end()) to = receivers_.begin();
    if (to->box->put(response)) return;
    const wire::LinkNumber link = *to->box->link();
    connection_.detach(
        link,
        {std::string(wire::condition::limit_exceeded), "Too many answers wait for credit", {}});
}

void CbsNode::sendable(wire::LinkNumber link) {
    for (const Receiver& receiver : receivers_)
        if (receiver.box->link() == link) receiver.box->flush();
}

void CbsNode::gone(wire::LinkNumber link) {
    std::erase_if(senders_, [link](const Sender& sender) { return sender.link == link; });
    std::erase_if(receivers_,
                  [link](const Receiver& receiver) { return receiver.box->link() == link; });
}

}  // namespace twinhub::gateway::amqp

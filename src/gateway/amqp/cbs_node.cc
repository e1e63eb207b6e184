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
        senders_.push_back({offer.link, offer.session, 0});
        return pair_up();
    }
    Receiver receiver{offer.link, offer.session, offer.own_address,
                      std::make_unique<Outbox>(connection_)};
    receiver.box->attached(offer.link, offer.settled);
    for (const wire::Message& response : early_) (void)receiver.box->put(response);
    early_ = {};
    receivers_.push_back(std::move(receiver));
    pair_up();
}

// Within a session, senders and receivers belong together in the order in which they came.
void CbsNode::pair_up() {
    for (Sender& sender : senders_) {
        if (sender.receiver != 0) continue;
        const auto free = std::ranges::find_if(receivers_, [&](const Receiver& receiver) {
            return receiver.session == sender.session &&
                   std::ranges::find(senders_, receiver.link, &Sender::receiver) == senders_.end();
        });
        if (free != receivers_.end()) sender.receiver = free->link;
    }
}

// The one that the request names, if there is one such; else the sender's counterpart; else whoever
// can hear it. There is at least one.
CbsNode::Receiver& CbsNode::receiver_for(const Origin& origin) {
    if (!origin.reply_to.empty() &&
        std::ranges::count(receivers_, origin.reply_to, &Receiver::address) == 1)
        return *std::ranges::find(receivers_, origin.reply_to, &Receiver::address);
    if (const auto sender = std::ranges::find(senders_, origin.sender, &Sender::link);
        sender != senders_.end() && sender->receiver != 0)
        return *std::ranges::find(receivers_, sender->receiver, &Receiver::link);
    const auto near = std::ranges::find(receivers_, origin.session, &Receiver::session);
    return near != receivers_.end() ? *near : receivers_.front();
}

void CbsNode::arrived(wire::Arrived& message) {
    const auto sender = std::ranges::find(senders_, message.link, &Sender::link);
    Origin origin{
        message.link, sender != senders_.end() ? sender->session : wire::SessionNumber{0}, {}};
    // The request is settled before it is answered: uamqp takes no answer before that.
    connection_.driver().settle(message.delivery, wire::Outcome::accepted);
    connection_.driver().settle_before();
    auto request = wire::decode_message(message.bytes);
    if (!request) return;
    origin.reply_to = request->reply_to.value_or("");
    auto put = wire::read_put_token(*request);
    if (!put) return answer(origin, wire::cbs_response(*request, 400, put.error().message));
    request->value.reset();  // the token is not needed twice
    connection_.expect();
    connection_.put_token(
        std::move(*put), [weak = weak_from_this(), origin = std::move(origin),
                          request = std::move(*request)](int status, std::string_view description) {
            const auto self = weak.lock();
            if (!self) return;
            self->connection_.answered();
            self->answer(origin, wire::cbs_response(request, status, description));
        });
}

void CbsNode::answer(const Origin& origin, wire::Message response) {
    if (receivers_.empty()) {
        if (early_.size() < connection_.context().settings().waiting_max)
            early_.push_back(std::move(response));
        return;
    }
    const Receiver& to = receiver_for(origin);
    if (to.box->put(response)) return;
    connection_.detach(
        to.link,
        {std::string(wire::condition::limit_exceeded), "Too many answers wait for credit", {}});
}

void CbsNode::sendable(wire::LinkNumber link) {
    for (const Receiver& receiver : receivers_)
        if (receiver.link == link) receiver.box->flush();
}

void CbsNode::gone(wire::LinkNumber link) {
    std::erase_if(senders_, [link](const Sender& sender) { return sender.link == link; });
    std::erase_if(receivers_, [link](const Receiver& receiver) { return receiver.link == link; });
    for (Sender& sender : senders_)
        if (sender.receiver == link) sender.receiver = 0;
    pair_up();
}

}  // namespace twinhub::gateway::amqp

// What the other side of a connection wants: its links, and the identities that they belong to.
#include "base/encoding.h"
#include "base/twin_id.h"
#include "gateway/amqp/cbs_node.h"
#include "gateway/amqp/conditions.h"
#include "gateway/amqp/connection.h"
#include "gateway/amqp/delegate.h"
#include "gateway/amqp/messages_link.h"
#include "gateway/amqp/method_pair.h"
#include "gateway/amqp/provisioning_node.h"
#include "gateway/amqp/service_links.h"
#include "gateway/amqp/telemetry_link.h"
#include "gateway/amqp/twin_pair.h"
#include "gateway/auth_chain.h"
#include "protocol/amqp/address.h"
#include "protocol/mqtt/limits.h"
#include "x509/certificate.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

namespace {

std::string text_of_property(const wire::LinkOffered& offer, std::string_view name) {
    const wire::Value* value = wire::find(offer.properties, name);
    return value != nullptr ? std::string(wire::text_of(*value).value_or("")) : std::string();
}

constexpr std::string_view correlation_property = "com.microsoft:channel-correlation-id";
constexpr std::string_view chain_property = "com.microsoft:auth-chain";
constexpr std::string_view model_property = "com.microsoft:model-id";

wire::Condition not_found(std::string_view what) {
    return {std::string(wire::condition::not_found), std::string(what), {}};
}

}  // namespace

void AmqpConnection::accept(const wire::LinkOffered& offer, std::shared_ptr<AmqpLink> link,
                            Seat* seat, ClaimNumber claim) {
    links_[offer.link] = OpenLink{link, seat, claim};
    if (seat != nullptr) seat->links[offer.link] = std::move(link);
    context_->metrics().links.Increment();
    driver_.accept(offer.link);
}

void AmqpConnection::refuse(const wire::LinkOffered& offer, const wire::Condition& why) {
    context_->metrics().links_refused.Increment();
    driver_.refuse(offer.link, why);
}

void AmqpConnection::detach(wire::LinkNumber link, const wire::Condition& why) {
    context_->metrics().links_detached.Increment();
    driver_.detach(link, why);
    link_gone(link);
}

void AmqpConnection::link_gone(wire::LinkNumber number) {
    const auto found = links_.find(number);
    if (found == links_.end()) {
        // One that is not open yet.
        for (auto& [id, seat] : seats_)
            std::erase_if(seat->waiting, [number](const Seat::Waiting& waiting) {
                return waiting.offer.link == number;
            });
        return;
    }
    const OpenLink open = std::move(found->second);
    links_.erase(found);
    context_->metrics().links.Decrement();
    if (open.seat != nullptr) open.seat->links.erase(number);
    open.link->gone(number);
    if (open.seat != nullptr) leave_if_unused(*open.seat);
}

void AmqpConnection::link_offered(wire::LinkOffered& offer) {
    const wire::Address address = wire::parse_address(offer.address);
    switch (address.endpoint) {
        case wire::Endpoint::cbs:
            if (cbs_ == nullptr) cbs_ = std::make_shared<CbsNode>(*this);
            return cbs_->add(offer);
        case wire::Endpoint::twin:
        case wire::Endpoint::methods:
        case wire::Endpoint::events:
        case wire::Endpoint::messages:
            return device_link_offered(
                offer, address,
                likeliest(address.identities, text_of_property(offer, chain_property)));
        case wire::Endpoint::service_messages:
        case wire::Endpoint::service_feedback:
        case wire::Endpoint::service_file_notifications:
            return service_link_offered(offer, address.endpoint);
        case wire::Endpoint::registration: return registration_offered(offer, address);
        case wire::Endpoint::unknown: break;
    }
    refuse(offer, not_found("There is no such address"));
}

// Service links live and die with a policy's token. A connection that has one stays on this loop.
void AmqpConnection::service_link_offered(const wire::LinkOffered& offer, wire::Endpoint endpoint) {
    const bool sends = endpoint == wire::Endpoint::service_messages;
    if (offer.sends_to_us != sends)
        return refuse(offer, {std::string(wire::condition::not_allowed),
                              "A link of this direction is not offered here",
                              {}});
    const Claim* claim =
        claim_for(sends ? hub::Operation::message_send : hub::Operation::feedback_receive);
    if (claim == nullptr)
        return refuse(offer, {std::string(wire::condition::unauthorized), "Unauthorized", {}});
    settled_ = true;
    std::shared_ptr<AmqpLink> link;
    if (sends) {
        link = std::make_shared<SendLink>(*this, claim->principal);
    } else if (endpoint == wire::Endpoint::service_feedback) {
        auto feedback = std::make_shared<FeedbackLink>(*this, offer);
        accept(offer, feedback, nullptr, claim->number);
        return feedback->listen();
    } else {
        link = std::make_shared<QuietLink>();  // there are no files
    }
    accept(offer, std::move(link), nullptr, claim->number);
}

// One device a connection asks where it belongs; its credential is judged with each request.
void AmqpConnection::registration_offered(const wire::LinkOffered& offer,
                                          const wire::Address& address) {
    if (context_->provisioning() == nullptr)
        return refuse(offer, not_found("This hub does not offer device provisioning"));
    if (provisioning_ != nullptr && provisioning_->empty()) provisioning_.reset();
    if (provisioning_ == nullptr)
        provisioning_ = std::make_shared<ProvisioningNode>(*this, address, provisioning_token_);
    if (!provisioning_->is_for(address))
        return refuse(offer, {std::string(wire::condition::not_allowed),
                              "One registration id at a time is offered here",
                              {}});
    settled_ = true;
    provisioning_->add(offer);
}

// The one that has proved itself, or that a gateway speaks for, else the first: an id may be
// escaped, or look like it.
std::size_t AmqpConnection::likeliest(const std::vector<TwinId>& candidates,
                                      std::string_view chain) const {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto seat = seats_.find(candidates[i]);
        if (seat != seats_.end() && seat->second->state != Seat::State::absent) return i;
    }
    for (std::size_t i = 0; i < candidates.size(); ++i)
        for (const Claim& claim : claims_.all())
            if (claim.identity == candidates[i]) return i;
    if (const auto steps = parse_auth_chain(chain)) {
        const auto asking = std::ranges::find(candidates, steps->front());
        if (asking != candidates.end())
            return static_cast<std::size_t>(asking - candidates.begin());
    }
    return 0;
}

const Claim* AmqpConnection::claim_to_show(const TwinId& id, std::string_view chain) const {
    const Claim* own = claims_.for_identity(id, context_->hosts());
    if (own != nullptr || chain.empty()) return own;
    const auto steps = parse_auth_chain(chain);
    return steps ? claims_.own_of(gateway_of(*steps)) : nullptr;
}

Seat& AmqpConnection::seat_of(const TwinId& id) {
    auto& seat = seats_[id];
    if (seat != nullptr) return *seat;
    seat = std::make_unique<Seat>();
    seat->id = id;
    AmqpContext& home = context_->of(id);
    auto delegate = std::make_shared<Delegate>(home, id, transport_->peer().address, way());
    seat->delegate = Way<Delegate>(home.executor(), delegate);
    // From here on it belongs to its own loop.
    if (&home == context_) home.adopt(std::move(delegate));
    else
        asio::post(home.executor(), [&home, delegate = std::move(delegate)]() mutable {
            home.adopt(std::move(delegate));
        });
    return *seat;
}

void AmqpConnection::device_link_offered(const wire::LinkOffered& offer,
                                         const wire::Address& address, std::size_t candidate) {
    const TwinId& id = address.identities[candidate];
    if (seats_.size() >= context_->settings().identities_max && !seats_.contains(id))
        return refuse(offer, {std::string(wire::condition::limit_exceeded),
                              "Too many identities on this connection",
                              {}});
    settle_on(id, [this, offer, address, candidate] {
        Seat& seat = seat_of(address.identities[candidate]);
        if (seat.state == Seat::State::attached) return open_device_link(seat, offer, address);
        seat.waiting.push_back({offer, address, candidate});
        if (seat.state != Seat::State::absent) return;
        seat.without_links = false;
        attach(seat, text_of_property(offer, chain_property));
    });
}

hub::AttachFacts AmqpConnection::attach_facts() const {
    hub::AttachFacts facts;
    // Subscriptions of MQTT are none of ours: they stay for the device's next MQTT connection.
    facts.clean_session = false;
    facts.protocol =
        transport_->is_websocket() ? hub::Protocol::amqp_websocket : hub::Protocol::amqp;
    facts.tls = transport_->peer().tls;
    return facts;
}

// Has the hub's side judge the credential and make this the identity's connection.
void AmqpConnection::attach(Seat& seat, const std::string& chain) {
    const Claim* claim = claim_to_show(seat.id, chain);
    seat.claim = claim != nullptr ? claim->number : 0;
    seat.state = Seat::State::attaching;
    auto judged = [id = seat.id, attempt = ++seat.attempt](AmqpConnection& connection,
                                                           Result<Admission> admitted) {
        connection.attached(id, attempt, std::move(admitted));
    };
    Proof proof = proof_of(*transport_, claim != nullptr ? claim->token : std::string());
    proof.auth_chain = chain;
    seat.delegate.call(here(), [proof = std::move(proof), facts = attach_facts(),
                                judged = std::move(judged)](Delegate& delegate) mutable {
        delegate.attach(std::move(proof), std::move(facts), std::move(judged));
    });
}

void AmqpConnection::attached(const TwinId& id, std::uint64_t attempt, Result<Admission> admitted) {
    const auto found = seats_.find(id);
    if (found == seats_.end()) return;
    Seat& seat = *found->second;
    if (seat.attempt != attempt || seat.state != Seat::State::attaching) return;
    std::vector<Seat::Waiting> waiting = std::exchange(seat.waiting, {});
    if (!admitted) {
        seat.state = Seat::State::absent;
        const Error error = admitted.error();
        context_->hub().log().debug("amqp.link_refused", {{"device", id.text()},
                                                          {"client", transport_->peer().address},
                                                          {"reason", error.message}});
        const bool absent =
            error.code == Code::device_not_found || error.code == Code::module_not_found;
        leave_if_unused(seat);
        for (const Seat::Waiting& link : waiting) {
            if (absent && link.candidate + 1 < link.address.identities.size()) {
                device_link_offered(link.offer, link.address, link.candidate + 1);
                continue;
            }
            context_->hub().metrics().certificates.refused(counted_as(error));
            // Who has proved nothing does not learn which identities there are.
            Error shown = error;
            if (shown.code == Code::unauthorized || (absent && !authorised_))
                shown = {Code::unauthorized, "Unauthorized", {}};
            refuse(link.offer, condition_of(shown, tracking_id()));
        }
        return;
    }
    seat.state = Seat::State::attached;
    seat.principal = admitted->principal;
    seat.certificate_ends = seat.claim == 0 ? admitted->expires : Instant::max();
    authorised();
    context_->hub().log().debug("amqp.connected",
                                {{"device", id.text()}, {"client", transport_->peer().address}});
    for (const Seat::Waiting& link : waiting) {
        if (closed_ || seat.state != Seat::State::attached) return;
        open_device_link(seat, link.offer, link.address);
    }
    if (!seat.without_links) leave_if_unused(seat);
}

void AmqpConnection::open_device_link(Seat& seat, const wire::LinkOffered& offer,
                                      const wire::Address& address) {
    // The link may be the first that names it: a token alone has connected the identity.
    if (const std::string model = text_of_property(offer, model_property); !model.empty()) {
        if (model.size() > protocol::mqtt::model_id_bytes_max || !is_valid_utf8(model))
            return refuse(offer, {std::string(wire::condition::argument),
                                  "The model id of the link is not valid",
                                  {}});
        seat.delegate.call(here(), [model](Delegate& delegate) { delegate.name_model(model); });
    }
    const std::string correlation = text_of_property(offer, correlation_property);
    switch (address.endpoint) {
        case wire::Endpoint::twin:
            return pair_for(seat.twins, offer, correlation,
                            [&] {
                                return std::make_shared<TwinPair>(*this, seat, offer.session,
                                                                  correlation);
                            })
                .add(offer);
        case wire::Endpoint::methods:
            return pair_for(seat.methods, offer, correlation,
                            [&] {
                                return std::make_shared<MethodPair>(*this, seat, offer.session,
                                                                    correlation);
                            })
                .add(offer);
        case wire::Endpoint::messages:
            if (offer.sends_to_us) break;
            // Nobody can send to a module, yet the C, Java and .NET clients listen here.
            if (seat.id.is_module()) return accept(offer, std::make_shared<QuietLink>(), &seat);
            // Of two receivers the newer one gets the messages.
            if (const auto old = seat.messages; old != nullptr)
                detach(old->link(), condition_of(hub::LinkEnd::taken_over));
            seat.messages = std::make_shared<MessagesLink>(*this, seat, offer);
            return seat.messages->add(offer);
        case wire::Endpoint::events:
            if (offer.sends_to_us)
                return accept(offer, std::make_shared<TelemetryLink>(*this, seat), &seat);
            // Inputs come from other modules of an edge device; there is no such router here.
            if (seat.id.is_module()) return accept(offer, std::make_shared<QuietLink>(), &seat);
            break;
        default: break;
    }
    refuse(offer, {std::string(wire::condition::not_allowed),
                   "A link of this direction is not offered here",
                   {}});
}

// A client with a certificate has nothing to put on `$cbs`: Node's opens its connection and makes
// no link before there is something to say. What the certificate calls itself connects, then.
void AmqpConnection::connect_by_certificate() {
    const auto certificate = x509::Certificate::share(transport_->certificate());
    if (!certificate) return;
    const auto id = parse_twin_id(certificate->common_name());
    if (!id) return;
    // It waits for the client's bytes, and who waits does not move.
    settled_ = true;
    Seat& seat = seat_of(*id);
    if (seat.state != Seat::State::absent) return;
    seat.without_links = true;
    attach(seat, {});
}

void AmqpConnection::leave_if_unused(Seat& seat) {
    if (closed_ || seat.checks > 0 || !seat.links.empty() || !seat.waiting.empty() ||
        seat.state == Seat::State::attaching)
        return;
    const auto claim = claims_.for_identity(seat.id, context_->hosts());
    if (claim != nullptr && !claim->is_policy()) {
        // Its token is still here: it may come back, but it is not connected.
        if (seat.state == Seat::State::attached)
            seat.delegate.call(here(), [](Delegate& delegate) {
                delegate.detach(hub::SessionEnd::client_closed);
            });
        seat.state = Seat::State::absent;
        return;
    }
    seat.delegate.call(here(),
                       [](Delegate& delegate) { delegate.leave(hub::SessionEnd::client_closed); });
    seats_.erase(seat.id);
}

// Ends all links of an identity, and its place at the hub.
void AmqpConnection::end_seat(Seat& seat, const wire::Condition& why) {
    const TwinId id = seat.id;
    for (const Seat::Waiting& waiting : std::exchange(seat.waiting, {})) refuse(waiting.offer, why);
    const auto links = seat.links;
    seat.state = Seat::State::absent;
    ++seat.attempt;
    // The hub knows of all its own ends first; what is left is a credential that is over.
    seat.delegate.call(here(),
                       [](Delegate& delegate) { delegate.detach(hub::SessionEnd::token_expired); });
    for (const auto& [link, object] : links) detach(link, why);
    if (const auto found = seats_.find(id); found != seats_.end()) leave_if_unused(*found->second);
}

void AmqpConnection::invoke(const TwinId& id, std::uint64_t number, const std::string& name,
                            const std::string& payload) {
    const auto found = seats_.find(id);
    if (found == seats_.end()) return;
    for (const auto& pair : found->second->methods)
        if (pair->is_whole()) return (void)std::shared_ptr(pair)->invoke(number, name, payload);
}

void AmqpConnection::deliver(const TwinId& id, const hub::LockedMessage& message) {
    const auto found = seats_.find(id);
    if (found == seats_.end()) return;
    Seat& seat = *found->second;
    if (const auto link = seat.messages; link != nullptr) return link->deliver(message);
    // Its link has gone while the message was on its way.
    seat.delegate.call(here(), [token = message.lock_token](Delegate& delegate) {
        delegate.settle_message(token, hub::Outcome::abandon,
                                [](AmqpConnection&, const Result<>&) {});
    });
}

void AmqpConnection::desired_changed(const TwinId& id, std::uint64_t version,
                                     const std::string& body) {
    const auto found = seats_.find(id);
    if (found == seats_.end()) return;
    // One of them may end while it is told.
    const auto pairs = found->second->twins;
    for (const auto& pair : pairs) pair->desired_changed(version, body);
}

}  // namespace twinhub::gateway::amqp

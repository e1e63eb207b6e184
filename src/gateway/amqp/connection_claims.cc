// Who the other side of a connection is: SASL PLAIN, `$cbs`, the end of tokens.
#include "base/encoding.h"
#include "base/twin_id.h"
#include "gateway/amqp/conditions.h"
#include "gateway/amqp/connection.h"
#include "gateway/amqp/delegate.h"
#include "gateway/auth_chain.h"
#include "protocol/amqp/address.h"
#include "protocol/sas/token.h"

#include <algorithm>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;
namespace sas = protocol::sas;

namespace {

bool is_first_label_of(std::string_view label, std::span<const std::string> hosts) {
    for (const std::string& host : hosts)
        if (equals_ignoring_case(label, std::string_view(host).substr(0, host.find('.'))) ||
            equals_ignoring_case(label, host))
            return true;
    return false;
}

// What a stranger learns of a refusal: not whether the identity exists.
constexpr std::string_view refused_text = "Unauthorized";

bool is_our_fault(const Error& error) {
    return error.code == Code::internal || error.code == Code::corrupted ||
           error.code == Code::unavailable;
}

// Whether an edge gateway may put its own token under this name: it names an identity of this hub.
// Which of them it speaks for is seen when a link names the chain.
bool may_be_below(const hub::Hub& hub, std::string_view audience) {
    return hub.is_host(audience.substr(0, audience.find_first_of("/%"))) &&
           !wire::parse_resource(audience).empty();
}

// Java's module client puts the token of the module under the name of its device.
bool names_device_of(std::string_view audience, const std::vector<TwinId>& candidates) {
    const std::vector<TwinId> named = wire::parse_resource(audience);
    return std::ranges::any_of(named, [&](const TwinId& name) {
        return !name.is_module() &&
               std::ranges::find(candidates, name.device, &TwinId::device) != candidates.end();
    });
}

bool is_absent(const Error& error) {
    return error.code == Code::device_not_found || error.code == Code::module_not_found;
}

}  // namespace

void AmqpConnection::authorised() {
    if (authorised_) return;
    authorised_ = true;
    driver_.authorised();
}

void AmqpConnection::plain_offered(const wire::PlainCredentials& credentials) {
    const auto decide = [this](bool accepted) {
        decide_sasl(accepted ? wire::SaslOutcome::ok : wire::SaslOutcome::auth);
    };
    // Of the provisioning service: it judges the token with the request.
    if (context_->provisioning() != nullptr &&
        wire::parse_address(credentials.user).endpoint == wire::Endpoint::registration) {
        provisioning_token_ = credentials.password;
        return decide(true);
    }
    const auto user = wire::parse_plain_user(credentials.user);
    if (!user || !is_first_label_of(user->hub, context_->hosts())) return decide(false);
    if (user->is_policy) {
        auto claim = prove_policy(credentials.password, context_->hosts(),
                                  context_->hub().policies(), context_->hub().clock().now());
        if (!claim || !equals_ignoring_case(claim->principal.name, user->name))
            return decide(false);
        claimed(std::move(*claim));
        return decide(true);
    }
    auto id = parse_twin_id(user->name);
    if (!id) return decide(false);
    put_identity_token({.candidates = {std::move(*id)}, .text = credentials.password}, 0,
                       [this](int status, std::string_view) {
                           decide_sasl(status == 200   ? wire::SaslOutcome::ok
                                       : status >= 500 ? wire::SaslOutcome::sys_temp
                                                       : wire::SaslOutcome::auth);
                       });
}

ClaimNumber AmqpConnection::claimed(Claim claim) {
    context_->metrics().tokens_accepted.Increment();
    const ClaimNumber number = claims_.put(std::move(claim)).number;
    authorised();
    watch();
    return number;
}

void AmqpConnection::put_token(wire::PutToken put, TokenAnswer answer) {
    const auto refuse = [&](int status, std::string_view why) {
        context_->metrics().tokens_refused.Increment();
        answer(status, why);
    };
    const auto token = sas::parse_token(put.token);
    if (!token) return refuse(401, "The token is malformed");
    std::vector<TwinId> candidates;
    if (token->policy.empty()) candidates = wire::parse_resource(token->resource);
    const bool is_own = wire::audience_matches(put.audience, token->resource) ||
                        names_device_of(put.audience, candidates);
    if (!is_own) std::erase_if(candidates, [](const TwinId& id) { return !is_gateway(id); });
    if (!is_own && (candidates.empty() || !may_be_below(context_->hub(), put.audience)))
        return refuse(401, "The token is for another audience");
    if (!token->policy.empty()) {
        auto claim = prove_policy(put.token, context_->hosts(), context_->hub().policies(),
                                  context_->hub().clock().now());
        if (!claim) return refuse(401, refused_text);
        if (!claims_.has_room({}, claim->resource))
            return refuse(403, "Too many tokens on this connection");
        claimed(std::move(*claim));
        return answer(200, "OK");
    }
    if (candidates.empty()) return refuse(401, "The token is for no device");
    put_identity_token(
        {.candidates = std::move(candidates), .text = std::move(put.token), .connects = is_own}, 0,
        std::move(answer));
}

void AmqpConnection::put_identity_token(IdentityToken token, std::size_t at, TokenAnswer answer) {
    const TwinId id = token.candidates[at];
    if (!claims_.has_room(id, {}) ||
        (seats_.size() >= context_->settings().identities_max && !seats_.contains(id))) {
        context_->metrics().tokens_refused.Increment();
        return answer(403, "Too many identities on this connection");
    }
    auto check = [this, id, at, token = std::move(token), answer = std::move(answer)]() mutable {
        Seat& seat = seat_of(id);
        ++seat.checks;
        // The first token of an identity connects it; a later one renews, whether it has links now
        // or not.
        const Claim* known = claims_.for_identity(id, context_->hosts());
        const bool connects = token.connects && seat.state == Seat::State::absent &&
                              (known == nullptr || known->is_policy());
        if (connects) {
            seat.state = Seat::State::attaching;
            seat.without_links = true;
        }
        const std::uint64_t attempt = connects ? ++seat.attempt : 0;
        Proof proof = proof_of(*transport_, token.text);
        auto judged = [id, attempt, at, token = std::move(token), answer = std::move(answer)](
                          AmqpConnection& connection, Result<Admission> admitted) mutable {
            connection.token_judged(id, attempt, admitted, token.text);
            if (admitted) return answer(200, "OK");
            if (is_absent(admitted.error()) && at + 1 < token.candidates.size())
                return connection.put_identity_token(std::move(token), at + 1, std::move(answer));
            connection.context_->metrics().tokens_refused.Increment();
            connection.context_->hub().metrics().certificates.refused(counted_as(admitted.error()));
            if (is_our_fault(admitted.error())) return answer(500, "Try again");
            answer(401, refused_text);
        };
        seat.delegate.call(here(), [connects, proof = std::move(proof), facts = attach_facts(),
                                    judged = std::move(judged)](Delegate& delegate) mutable {
            if (connects) delegate.attach(std::move(proof), std::move(facts), std::move(judged));
            else delegate.check(std::move(proof), std::move(judged));
        });
    };
    settle_on(id, std::move(check));
}

void AmqpConnection::token_judged(const TwinId& id, std::uint64_t attempt,
                                  const Result<Admission>& admitted, const std::string& token) {
    const auto found = seats_.find(id);
    if (found != seats_.end()) --found->second->checks;
    if (admitted) {
        const ClaimNumber claim = claimed(Claim{.number = 0,
                                                .token = token,
                                                .resource = {},
                                                .identity = id,
                                                .principal = admitted->principal,
                                                .expires = admitted->expires});
        if (found != seats_.end() && attempt != 0) found->second->claim = claim;
    } else {
        context_->hub().log().debug("amqp.token_refused", {{"device", id.text()},
                                                           {"client", transport_->peer().address},
                                                           {"reason", admitted.error().message}});
    }
    if (attempt != 0) attached(id, attempt, admitted);
    else if (found != seats_.end() && found->second->state == Seat::State::absent)
        leave_if_unused(*found->second);
}

const Claim* AmqpConnection::claim_for(hub::Operation operation) const {
    for (const Claim& claim : claims_.all())
        if (claim.is_policy() && hub::decide(claim.principal, operation, {})) return &claim;
    return nullptr;
}

void AmqpConnection::expire_claims(Instant now) {
    const auto is_over = [&](Instant end) {
        return end != Instant::max() && now - end >= context_->settings().sas_grace;
    };
    std::vector<ClaimNumber> ended;
    for (const Claim& claim : claims_.all())
        if (is_over(claim.expires)) ended.push_back(claim.number);
    std::vector<Seat*> certified;
    bool others = ended.size() < claims_.all().size();
    for (auto& [id, seat] : seats_) {
        if (seat->state == Seat::State::absent || seat->claim != 0) continue;
        if (seat->state == Seat::State::attached && is_over(seat->certificate_ends))
            certified.push_back(seat.get());
        else others = true;
    }
    if (ended.empty() && certified.empty()) return;
    if (!others) return close(CloseReason::expired);
    for (Seat* seat : certified)
        end_seat(*seat,
                 {std::string(wire::condition::unauthorized), "The certificate has expired", {}});
    const wire::Condition why{
        std::string(wire::condition::unauthorized), "The token has expired", {}};
    for (const ClaimNumber number : ended) {
        std::vector<Seat*> seats;
        for (auto& [id, seat] : seats_)
            if (seat->claim == number && seat->state != Seat::State::absent)
                seats.push_back(seat.get());
        for (Seat* seat : seats) end_seat(*seat, why);
        std::vector<wire::LinkNumber> links;
        for (const auto& [link, open] : links_)
            if (open.claim == number) links.push_back(link);
        for (const wire::LinkNumber link : links) detach(link, why);
        claims_.remove(number);
    }
}

void AmqpConnection::identity_ended(const TwinId& id, hub::LinkEnd reason) {
    const auto found = seats_.find(id);
    if (found == seats_.end()) return;
    Seat& seat = *found->second;
    if (reason != hub::LinkEnd::taken_over)
        if (const Claim* claim = claims_.own_of(id); claim != nullptr)
            claims_.remove(claim->number);
    // Other identities of the connection stay. Else the socket closes without a word, as it does
    // over MQTT: a Node client that is told why, and then cut off, never comes out of
    // "disconnecting".
    bool others = false;
    for (const auto& [other, place] : seats_)
        others = others || (place.get() != &seat && place->state != Seat::State::absent);
    for (const Claim& claim : claims_.all()) others = others || claim.identity != id;
    if (others) return end_seat(seat, condition_of(reason));
    close(reason == hub::LinkEnd::taken_over      ? CloseReason::taken_over
          : reason == hub::LinkEnd::shutting_down ? CloseReason::shutting_down
                                                  : CloseReason::identity_gone);
}

}  // namespace twinhub::gateway::amqp

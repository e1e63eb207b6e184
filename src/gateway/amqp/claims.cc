#include "gateway/amqp/claims.h"

#include "base/encoding.h"
#include "gateway/service_credentials.h"
#include "protocol/sas/token.h"

#include <algorithm>

namespace twinhub::gateway::amqp {

namespace sas = protocol::sas;

std::vector<Claim>::const_iterator Claims::find(const TwinId& identity,
                                                std::string_view resource) const {
    return std::ranges::find_if(claims_, [&](const Claim& claim) {
        return claim.identity == identity && claim.resource == resource;
    });
}

bool Claims::has_room(const TwinId& identity, std::string_view resource) const {
    return claims_.size() < count_max_ || find(identity, resource) != claims_.end();
}

const Claim& Claims::put(Claim claim) {
    const auto found = find(claim.identity, claim.resource);
    if (found == claims_.end()) {
        claim.number = ++last_;
        return claims_.emplace_back(std::move(claim));
    }
    claim.number = found->number;
    Claim& place = claims_[static_cast<std::size_t>(found - claims_.begin())];
    place = std::move(claim);
    return place;
}

void Claims::remove(ClaimNumber number) {
    std::erase_if(claims_, [number](const Claim& claim) { return claim.number == number; });
}

const Claim* Claims::of(ClaimNumber number) const {
    const auto found = std::ranges::find(claims_, number, &Claim::number);
    return found == claims_.end() ? nullptr : &*found;
}

const Claim* Claims::own_of(const TwinId& identity) const {
    const auto found = find(identity, {});
    return found == claims_.end() ? nullptr : &*found;
}

const Claim* Claims::for_identity(const TwinId& identity,
                                  std::span<const std::string> hosts) const {
    const Claim* of_policy = nullptr;
    for (const Claim& claim : claims_) {
        if (claim.identity == identity) return &claim;
        if (claim.is_policy() &&
            sas::covers_identity(claim.resource, hosts, identity, sas::KeyOwner::policy))
            of_policy = &claim;
    }
    return of_policy;
}

Result<Claim> prove_policy(std::string_view text, std::span<const std::string> hosts,
                           const std::shared_ptr<const hub::Policies>& policies, Instant now) {
    TRY(const sas::Token token, sas::parse_token(text));
    // It covers what it names: the question is whether it is signed, in time and for this hub.
    std::string path = token.resource;
    for (int escapes = 0; escapes < 2; ++escapes)
        if (auto decoded = percent_decode(path)) path = std::move(*decoded);
    const std::size_t slash = path.find('/');
    path = slash == std::string::npos ? std::string("/") : path.substr(slash);
    ServiceCredentials credentials;
    TRY(const hub::Principal* principal,
        credentials.authenticate(text, path, hosts, policies, now));
    return Claim{.number = 0,
                 .token = std::string(text),
                 .resource = token.resource,
                 .identity = {},
                 .principal = *principal,
                 .expires = sas::expires_at(token, std::chrono::seconds{0})};
}

}  // namespace twinhub::gateway::amqp

#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/access.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::gateway::amqp {

using ClaimNumber = std::uint64_t;  // of one connection; 0 = none

// A token that a connection has shown and that was good then (spec device-protocols 4.2).
struct Claim {
    ClaimNumber number = 0;
    std::string token;     // as sent: it is judged again where it is used
    std::string resource;  // of a policy's token, as sent
    TwinId identity;       // of an identity's own token
    hub::Principal principal;
    Instant expires = Instant::max();

    bool is_policy() const { return identity.device.empty(); }
};

// The tokens of one connection. A newer one for the same identity or resource takes the place, and
// the number, of the older: that is how clients renew them.
class Claims {
public:
    explicit Claims(std::size_t count_max) : count_max_(count_max) {}

    // Whether there is room for one more that replaces none.
    bool has_room(const TwinId& identity, std::string_view resource) const;
    const Claim& put(Claim claim);
    void remove(ClaimNumber number);
    bool empty() const { return claims_.empty(); }
    const std::vector<Claim>& all() const { return claims_; }

    const Claim* of(ClaimNumber number) const;
    const Claim* own_of(const TwinId& identity) const;
    // What to show for an identity: its own token, else one of a policy that covers it.
    const Claim* for_identity(const TwinId& identity, std::span<const std::string> hosts) const;

private:
    std::vector<Claim>::const_iterator find(const TwinId& identity,
                                            std::string_view resource) const;

    std::size_t count_max_;
    ClaimNumber last_ = 0;
    std::vector<Claim> claims_;
};

// Proves a shared access policy's token, whatever it is for at this hub. Errors: unauthorized.
Result<Claim> prove_policy(std::string_view token, std::span<const std::string> hosts,
                           const std::shared_ptr<const hub::Policies>& policies, Instant now);

}  // namespace twinhub::gateway::amqp

#pragma once

#include "base/result.h"
#include "base/time.h"
#include "hub/identity.h"
#include "x509/trust_store.h"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// A certificate whose key the peer has proved to hold, with what came along.
struct PresentedCertificate {
    x509::Certificate leaf;
    std::vector<x509::Certificate> intermediates;
    // How it was believed, from the leaf up to the authority; empty when that took no authority.
    std::vector<x509::Certificate> chain;
};

using KeyMark = std::array<std::byte, 32>;
KeyMark mark_of(std::string_view key);  // SHA-256 of a decoded key

// What a connection proved itself with, as far as it takes to say later whether that still holds.
// No secret.
struct Credential {
    enum class Kind : std::uint8_t {
        unknown,  // ends with any change of the identity's authentication
        own_key,
        policy,
        certificate,
    };
    Kind kind = Kind::unknown;
    KeyMark key{};                                            // own_key
    std::shared_ptr<const PresentedCertificate> certificate;  // certificate
};

// Whether a certificate makes its holder `identity`, of either X.509 type (spec device-protocols
// 6.4); gives the chain that was believed, empty for a thumbprint. Errors: unauthorized; the
// message is for the operator's log, `where` the label of a metric.
Result<std::vector<x509::Certificate>> judge_certificate(
    const Identity& identity, const x509::Certificate& leaf,
    std::span<const x509::Certificate> presented, const x509::TrustStore& trust, Instant now);

// Whether what a connection proved would let it in again as `identity` now, but for the time:
// what expires has an end of its own.
bool still_holds(const Credential& credential, const Identity& identity,
                 const x509::TrustStore& trust, Instant now);

// The same after a change of trust alone; cheap as long as the chain still stands.
bool still_trusted(const PresentedCertificate& presented, const x509::TrustStore& trust,
                   Instant now);

}  // namespace twinhub::hub

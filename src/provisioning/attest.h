#pragma once

#include "base/time.h"
#include "hub/identity.h"
#include "protocol/sas/token.h"
#include "provisioning/enrollment.h"
#include "provisioning/ids.h"
#include "provisioning/tpm/challenges.h"
#include "x509/certificate.h"
#include "x509/trust_store.h"

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::provisioning {

// Who asks for an assignment, and what it shows to prove it (spec device-protocols 7.1).
struct Caller {
    std::string scope;  // id scope, as sent
    ProvisioningId id;
    std::string token;                     // SAS text; empty without
    x509::Certificate certificate;         // none without; possession of its key is proved by TLS
    std::vector<x509::Certificate> chain;  // presented with it
    std::string client;                    // address of the peer
};

// Why a proof was refused. Names are those of the metrics' labels; the peer is told nothing.
enum class Doubt : std::uint8_t {
    none,
    scope,     // another id scope
    no_proof,  // neither token nor certificate
    token,     // unreadable, or for another key name
    expired,
    resource,      // a token for another registration
    registration,  // no enrollment is for this id
    key,           // signed by none of the keys
    common_name,   // a certificate for another registration
    certificate,   // another certificate than the enrolled one, or from nobody who may sign
    out_of_time,   // expired, or not valid yet
    challenge,     // signed by the key of no open challenge
    tpm,           // other keys of a TPM than the enrolled ones, or unusable ones
};
inline constexpr std::size_t doubt_count = 13;
std::string_view name_of(Doubt doubt);

// An enrollment group with what is computed once of it.
struct Group {
    std::shared_ptr<const Enrollment> enrollment;
    std::string primary_key, secondary_key;  // decoded; symmetric keys only
    std::vector<x509::Certificate> signers;  // X.509 with signing certificates only
};
Group make_group(Enrollment enrollment);

// What a challenge was answered with: whose TPM it is, and what the answer has opened already.
struct TpmProof {
    tpm::Keys keys;
    std::string signing_key;  // of the challenge
    std::string operation;    // empty until a registration began
};

// What a proof came to: when there is no doubt, the enrollment that it is covered by, and how the
// device will prove itself to its hub. With a TPM that is decided with the assignment.
struct Attested {
    Doubt doubt = Doubt::none;
    std::shared_ptr<const Enrollment> enrollment;
    hub::IdentitySpec::AuthenticationSpec authentication;
    std::optional<TpmProof> tpm = std::nullopt;
};

// The certificate authorities of the hub that devices are assigned to.
struct Authorities {
    // The verified one of that name, if there is one.
    std::function<std::optional<x509::Certificate>(std::string_view name)> named;
    // Whom the hub believes when a device connects; may be nothing.
    std::function<std::shared_ptr<const x509::TrustStore>()> trusted;
};

struct AttestationRules {
    std::string_view scope;  // ours
    std::chrono::seconds skew{300};
    Instant now{};
    const Authorities* authorities = nullptr;
    tpm::Challenges* challenges = nullptr;  // none: nobody comes by a TPM
    Moment moment{};                        // for them
};

// Judges a caller: its individual enrollment when there is one, else the groups, those that are
// enabled first (spec device-protocols 7.1). Pure, but that a challenge is answered by it.
Attested attest(const Caller& caller, const std::shared_ptr<const Enrollment>& individual,
                std::span<const Group> groups, const AttestationRules& rules);

// The token of the caller, with everything about it proved but its signature.
std::expected<protocol::sas::Token, Doubt> read_token(const Caller& caller,
                                                      const AttestationRules& rules);

// Whether `resource`, the raw `sr` of a token, names that registration: once or twice escaped, in
// any case, perhaps with a slash behind it.
bool covers_registration(std::string_view resource, std::string_view scope,
                         std::string_view registration);

}  // namespace twinhub::provisioning

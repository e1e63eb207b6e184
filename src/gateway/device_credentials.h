#pragma once

#include "base/result.h"
#include "base/time.h"
#include "hub/access.h"
#include "hub/certificates/credential.h"
#include "hub/identity.h"
#include "x509/trust_store.h"

#include <chrono>
#include <span>
#include <string>
#include <string_view>

typedef struct x509_st X509;
typedef struct stack_st_X509 STACK_OF_X509;

namespace twinhub::gateway {

// What a device shows to prove itself.
struct DeviceProof {
    std::string_view token;       // SAS text, empty without
    X509* certificate = nullptr;  // nullptr without; possession proved by TLS
    STACK_OF_X509* chain = nullptr;
    // What of the identity is asked for, as "/messages/events", when it is not all of it: a token
    // for that alone is good enough.
    std::string_view operation;
};

// What the hub knows when it judges.
struct DeviceRules {
    std::span<const std::string> hosts;  // the hub's names
    const hub::Policies& policies;
    const x509::TrustStore& authorities;
    bool device_sas = true;  // switches of the operator (spec device-protocols 6.5)
    bool module_sas = true;
    std::chrono::seconds skew{300};
};

struct Admission {
    hub::Principal principal;
    Instant expires = Instant::max();  // when the token does, or the first certificate of the chain
    hub::Credential credential;        // for AttachFacts
};

// Whether `identity` (with its device, the same for a device) is who connects: spec
// device-protocols 6.2 to 6.6. The identity's authentication type decides which proof counts. Pure.
// Errors: unauthorized; the message says why, for the log of the operator, and is not for the peer;
// `where` is the reason as hub::CertificateMetrics::refused counts it.
Result<Admission> admit(const DeviceProof& proof, const hub::Identity& identity,
                        const hub::Identity& device, const DeviceRules& rules, Instant now);

// Under which reason a refusal is counted: that of admit(), or of an identity that is not there.
std::string_view counted_as(const Error& refusal);

}  // namespace twinhub::gateway

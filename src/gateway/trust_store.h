#pragma once

#include "base/result.h"
#include "base/time.h"

#include <memory>
#include <string>
#include <vector>

typedef struct x509_st X509;
typedef struct x509_store_st X509_STORE;
typedef struct stack_st_X509 STACK_OF_X509;

namespace twinhub::gateway {

// The certificate authorities whose devices the operator lets in (spec device-protocols 6.4): roots
// or intermediates. Immutable; a reload swaps it whole.
class TrustStore {
public:
    // One PEM certificate each. Errors: argument_invalid.
    static Result<std::shared_ptr<const TrustStore>> create(
        const std::vector<std::string>& authorities_pem);
    ~TrustStore();
    TrustStore(const TrustStore&) = delete;
    TrustStore& operator=(const TrustStore&) = delete;

    // True when a chain leads from `leaf` over `presented` to one of the authorities, all valid
    // `now`.
    bool verifies(X509* leaf, STACK_OF_X509* presented, Instant now) const;

private:
    TrustStore();
    X509_STORE* store_;
};

// What the rules need to know of a certificate.
std::string common_name_of(X509* certificate);      // empty when there is none, or several
std::string sha1_thumbprint_of(X509* certificate);  // lower-case hex of the DER
std::string sha256_thumbprint_of(X509* certificate);
bool is_valid_at(X509* certificate, Instant now);

}  // namespace twinhub::gateway

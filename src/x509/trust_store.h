#pragma once

#include "base/result.h"
#include "base/time.h"
#include "x509/certificate.h"
#include "x509/revocation_list.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

typedef struct x509_store_st X509_STORE;

namespace twinhub::x509 {

// Why a certificate is not believed. Names are those of the metrics' labels.
enum class Fault : std::uint8_t {
    none,
    too_long,       // more certificates presented than limits.h allows, or one beyond its limits
    weak_key,       // a key or a signature that proves nothing any more
    out_of_time,    // expired, or not valid yet; the leaf or one above it
    not_trusted,    // no chain leads to a trusted authority
    wrong_purpose,  // one that may not sign, or a leaf that is not a client's
    revoked,
};
inline constexpr std::size_t fault_count = 7;
std::string_view name_of(Fault fault);    // "out_of_time"
std::string_view reason_of(Fault fault);  // "expired or not yet valid", for people

// What a chain came to: when there is no fault, the certificates from the leaf up to the authority.
struct Verdict {
    Fault fault = Fault::none;
    std::vector<Certificate> chain;
};

// What is believed.
struct Trust {
    std::vector<Certificate> authorities;    // roots or intermediates
    std::vector<Certificate> intermediates;  // known, and believed only under an authority
    std::vector<RevocationList> revoked;
};

// Whom the operator believes (spec device-protocols 6.4). Immutable, shared by all loops; a change
// swaps it whole.
class TrustStore {
public:
    // Errors: argument_invalid when there are too many.
    static Result<std::shared_ptr<const TrustStore>> create(Trust trust);
    ~TrustStore();
    TrustStore(const TrustStore&) = delete;
    TrustStore& operator=(const TrustStore&) = delete;

    // Looks for a chain from `leaf` over what it presented and what is known to an authority, all
    // of them valid `now`, strong, allowed to do what they do, and not taken back. Bounded, however
    // absurd the chain is.
    Verdict judge(const Certificate& leaf, std::span<const Certificate> presented,
                  Instant now) const;

    // Whether a chain that was believed once would be found again, without a look at signatures:
    // its links are presented or known, its authority is believed, and none was taken back. False
    // says nothing: there may be another chain.
    bool still_covers(std::span<const Certificate> chain,
                      std::span<const Certificate> presented) const;

    const Trust& trust() const { return trust_; }

private:
    explicit TrustStore(Trust trust);
    bool revoked(const Certificate& certificate) const;
    Trust trust_;
    X509_STORE* store_;
};

}  // namespace twinhub::x509

#include "x509/trust_store.h"

#include "x509/handles.h"
#include "x509/limits.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace twinhub::x509 {
namespace {

// OpenSSL's words for it: keys and signatures of at least 112 bits of security, which is RSA of
// 2048 bits and SHA-224.
constexpr int strength_level = 2;

std::time_t seconds_of(Instant now) {
    return std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
}

Fault fault_of(int error) {
    switch (error) {
        case X509_V_OK: return Fault::none;
        case X509_V_ERR_CERT_CHAIN_TOO_LONG: return Fault::too_long;
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD: return Fault::out_of_time;
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL:
        case X509_V_ERR_CA_MD_TOO_WEAK: return Fault::weak_key;
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_INVALID_NON_CA:
        case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        case X509_V_ERR_INVALID_PURPOSE:
        case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        case X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE:
        case X509_V_ERR_PERMITTED_VIOLATION:
        case X509_V_ERR_EXCLUDED_VIOLATION: return Fault::wrong_purpose;
        default: return Fault::not_trusted;
    }
}

// A stack that borrows its certificates.
Owned<STACK_OF(X509)> stack_of(std::span<const Certificate> first,
                               std::span<const Certificate> then) {
    Owned<STACK_OF(X509)> stack(sk_X509_new_null());
    for (const auto& list : {first, then})
        for (const Certificate& certificate : list) sk_X509_push(stack.get(), certificate.get());
    return stack;
}

}  // namespace

std::string_view name_of(Fault fault) {
    constexpr std::string_view names[fault_count] = {
        "none", "too_long", "weak_key", "out_of_time", "not_trusted", "wrong_purpose", "revoked"};
    return names[static_cast<std::size_t>(fault)];
}

std::string_view reason_of(Fault fault) {
    switch (fault) {
        case Fault::none: break;
        case Fault::too_long: return "certificate chain too long or too large";
        case Fault::weak_key: return "certificate with a weak key or signature";
        case Fault::out_of_time: return "certificate expired or not yet valid";
        case Fault::not_trusted: return "certificate not signed by a trusted CA";
        case Fault::wrong_purpose: return "certificate used for what it may not be used for";
        case Fault::revoked: return "certificate revoked";
    }
    return "certificate good";
}

TrustStore::TrustStore(Trust trust) : trust_(std::move(trust)), store_(X509_STORE_new()) {
    CHECK(store_ != nullptr);
    for (const Certificate& authority : trust_.authorities)
        CHECK(X509_STORE_add_cert(store_, authority.get()) == 1);
}

TrustStore::~TrustStore() { X509_STORE_free(store_); }

Result<std::shared_ptr<const TrustStore>> TrustStore::create(Trust trust) {
    if (trust.authorities.size() + trust.intermediates.size() > authorities_max)
        return failure(
            Code::argument_invalid,
            "There are more than " + std::to_string(authorities_max) + " certificate authorities");
    return std::shared_ptr<const TrustStore>(new TrustStore(std::move(trust)));
}

bool TrustStore::revoked(const Certificate& certificate) const {
    return std::ranges::any_of(
        trust_.revoked, [&](const RevocationList& list) { return list.revokes(certificate); });
}

bool TrustStore::still_covers(std::span<const Certificate> chain,
                              std::span<const Certificate> presented) const {
    const auto among = [](std::span<const Certificate> list, const Certificate& wanted) {
        return std::ranges::find(list, wanted) != list.end();
    };
    if (chain.empty() || !among(trust_.authorities, chain.back())) return false;
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const bool is_end = i == 0 || i + 1 == chain.size();
        if (!is_end && !among(presented, chain[i]) && !among(trust_.intermediates, chain[i]) &&
            !among(trust_.authorities, chain[i]))
            return false;
        if (revoked(chain[i])) return false;
    }
    return true;
}

Verdict TrustStore::judge(const Certificate& leaf, std::span<const Certificate> presented,
                          Instant now) const {
    if (presented.size() > presented_max) return {.fault = Fault::too_long, .chain = {}};
    // Before any signature is looked at: a huge key would be an expensive one.
    if (!check_key(leaf) || std::ranges::any_of(presented, [](const Certificate& certificate) {
            return !check_key(certificate);
        }))
        return {.fault = Fault::weak_key, .chain = {}};
    if (trust_.authorities.empty()) return {.fault = Fault::not_trusted, .chain = {}};

    const Owned<STACK_OF(X509)> untrusted = stack_of(presented, trust_.intermediates);
    const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
    CHECK(context && X509_STORE_CTX_init(context.get(), store_, leaf.get(), untrusted.get()) == 1);
    X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
    // An operator may trust an intermediate without its root.
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_depth(rules, chain_depth_max);
    X509_VERIFY_PARAM_set_auth_level(rules, strength_level);
    X509_VERIFY_PARAM_set_time(rules, seconds_of(now));
    X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
    const bool good = X509_verify_cert(context.get()) == 1;
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    if (!good)
        return {.fault = error == X509_V_OK ? Fault::not_trusted : fault_of(error), .chain = {}};

    Verdict verdict;
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        auto certificate = Certificate::share(sk_X509_value(chain, i));
        if (!certificate) return {.fault = Fault::too_long, .chain = {}};
        if (revoked(*certificate)) return {.fault = Fault::revoked, .chain = {}};
        verdict.chain.push_back(std::move(*certificate));
    }
    return verdict;
}

}  // namespace twinhub::x509

#include "gateway/device_credentials.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"
#include "x509/limits.h"

#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace twinhub::gateway {
namespace {

namespace sas = protocol::sas;

std::unexpected<Error> refused(std::string_view label, std::string reason) {
    return failure(Code::unauthorized, std::move(reason), std::string(label));
}

// The key that signed the token, or nothing.
std::optional<std::string> signing_key(const sas::Token& token, std::string_view primary,
                                       std::string_view secondary) {
    const auto first = base64_decode(primary);
    const auto second = base64_decode(secondary);
    // Both are tried always: the time must not tell which one it was.
    const bool by_first = first && !first->empty() && sas::signed_by(token, *first);
    const bool by_second = second && !second->empty() && sas::signed_by(token, *second);
    if (by_first) return first;
    if (by_second) return second;
    return std::nullopt;
}

Result<Admission> admit_token(const DeviceProof& proof, const hub::Identity& identity,
                              const DeviceRules& rules, Instant now) {
    if (identity.id.is_module() ? !rules.module_sas : !rules.device_sas)
        return refused("switched_off", "tokens are switched off");
    if (proof.token.empty()) return refused("no_token", "no token");
    const auto token = sas::parse_token(proof.token);
    if (!token) return refused("bad_token", "unreadable token");
    if (sas::is_expired(*token, now, rules.skew)) return refused("expired_token", "expired token");
    Admission admission;
    admission.expires = sas::expires_at(*token, std::chrono::seconds{0});
    if (token->policy.empty()) {
        if (!sas::covers_identity(token->resource, rules.hosts, identity.id,
                                  sas::KeyOwner::identity, proof.operation))
            return refused("wrong_scope", "token for another resource");
        const auto key = signing_key(*token, identity.authentication.primary_key,
                                     identity.authentication.secondary_key);
        if (!key) return refused("wrong_key", "wrong key");
        admission.credential.kind = hub::Credential::Kind::own_key;
        admission.credential.key = hub::mark_of(*key);
        admission.principal = {
            .kind = hub::Principal::Kind::identity, .name = {}, .rights = 0, .id = identity.id};
    } else {
        const hub::Policy* policy = rules.policies.find(token->policy);
        if (policy == nullptr) return refused("unknown_policy", "unknown policy");
        if (!sas::covers_identity(token->resource, rules.hosts, identity.id, sas::KeyOwner::policy,
                                  proof.operation))
            return refused("wrong_scope", "token for another resource");
        if (!signing_key(*token, policy->primary_key, policy->secondary_key))
            return refused("wrong_key", "wrong policy key");
        admission.credential.kind = hub::Credential::Kind::policy;
        admission.principal = {.kind = hub::Principal::Kind::policy,
                               .name = policy->name,
                               .rights = policy->rights,
                               .id = identity.id};
    }
    return admission;
}

Result<std::vector<x509::Certificate>> presented_with(const DeviceProof& proof) {
    std::vector<x509::Certificate> presented;
    const auto* chain = reinterpret_cast<const STACK_OF(X509)*>(proof.chain);
    const int count = chain == nullptr ? 0 : std::max(sk_X509_num(chain), 0);
    if (static_cast<std::size_t>(count) > x509::presented_max)
        return failure(Code::unauthorized, {});
    for (int i = 0; i < count; ++i) {
        TRY(x509::Certificate one, x509::Certificate::share(sk_X509_value(chain, i)));
        presented.push_back(std::move(one));
    }
    return presented;
}

Result<Admission> admit_certificate(const DeviceProof& proof, const hub::Identity& identity,
                                    const DeviceRules& rules, Instant now) {
    if (proof.certificate == nullptr) return refused("no_certificate", "no certificate");
    auto leaf = x509::Certificate::share(proof.certificate);
    auto presented = presented_with(proof);
    if (!leaf || !presented)
        return refused(name_of(x509::Fault::too_long),
                       std::string(reason_of(x509::Fault::too_long)));
    TRY(std::vector<x509::Certificate> chain,
        hub::judge_certificate(identity, *leaf, *presented, rules.authorities, now));
    Admission admission;
    admission.principal = {
        .kind = hub::Principal::Kind::identity, .name = {}, .rights = 0, .id = identity.id};
    admission.expires = leaf->not_after();
    for (const x509::Certificate& link : chain)
        admission.expires = std::min(admission.expires, link.not_after());
    admission.credential.kind = hub::Credential::Kind::certificate;
    admission.credential.certificate = std::make_shared<const hub::PresentedCertificate>(
        hub::PresentedCertificate{std::move(*leaf), std::move(*presented), std::move(chain)});
    return admission;
}

}  // namespace

Result<Admission> admit(const DeviceProof& proof, const hub::Identity& identity,
                        const hub::Identity& device, const DeviceRules& rules, Instant now) {
    if (device.status == hub::Status::disabled) return refused("disabled", "disabled");
    Result<Admission> admission = refused("other", "no credential of its own");
    switch (identity.authentication.type) {
        case hub::AuthenticationType::sas:
            admission = admit_token(proof, identity, rules, now);
            break;
        case hub::AuthenticationType::self_signed:
        case hub::AuthenticationType::certificate_authority:
            admission = admit_certificate(proof, identity, rules, now);
            break;
        case hub::AuthenticationType::none: break;
    }
    TRY_VOID(admission);
    TRY_VOID(hub::decide(admission->principal, hub::Operation::device_connect, identity.id));
    return admission;
}

std::string_view counted_as(const Error& refusal) {
    if (refusal.code == Code::device_not_found || refusal.code == Code::module_not_found)
        return "unknown_device";
    return refusal.where;
}

}  // namespace twinhub::gateway

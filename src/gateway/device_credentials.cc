#include "gateway/device_credentials.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"
#include "x509/limits.h"

#include <openssl/x509.h>

#include <algorithm>

namespace twinhub::gateway {
namespace {

namespace sas = protocol::sas;

std::unexpected<Error> refused(std::string reason) {
    return failure(Code::unauthorized, std::move(reason));
}

bool signed_by_either(const sas::Token& token, std::string_view primary,
                      std::string_view secondary) {
    const auto first = base64_decode(primary);
    const auto second = base64_decode(secondary);
    // Both are tried always: the time must not tell which one it was.
    const bool by_first = first && !first->empty() && sas::signed_by(token, *first);
    const bool by_second = second && !second->empty() && sas::signed_by(token, *second);
    return by_first || by_second;
}

Result<Admission> admit_token(const DeviceProof& proof, const hub::Identity& identity,
                              const DeviceRules& rules, Instant now) {
    if (identity.id.is_module() ? !rules.module_sas : !rules.device_sas)
        return refused("tokens are switched off");
    if (proof.token.empty()) return refused("no token");
    const auto token = sas::parse_token(proof.token);
    if (!token) return refused("unreadable token");
    if (sas::is_expired(*token, now, rules.skew)) return refused("expired token");
    Admission admission;
    admission.expires = sas::expires_at(*token, std::chrono::seconds{0});
    if (token->policy.empty()) {
        if (!sas::covers_identity(token->resource, rules.hosts, identity.id,
                                  sas::KeyOwner::identity, proof.operation))
            return refused("token for another resource");
        if (!signed_by_either(*token, identity.authentication.primary_key,
                              identity.authentication.secondary_key))
            return refused("wrong key");
        admission.principal = {
            .kind = hub::Principal::Kind::identity, .name = {}, .rights = 0, .id = identity.id};
    } else {
        const hub::Policy* policy = rules.policies.find(token->policy);
        if (policy == nullptr) return refused("unknown policy");
        if (!sas::covers_identity(token->resource, rules.hosts, identity.id, sas::KeyOwner::policy,
                                  proof.operation))
            return refused("token for another resource");
        if (!signed_by_either(*token, policy->primary_key, policy->secondary_key))
            return refused("wrong policy key");
        admission.principal = {.kind = hub::Principal::Kind::policy,
                               .name = policy->name,
                               .rights = policy->rights,
                               .id = identity.id};
    }
    return admission;
}

// As thumbprints are compared: upper-case hex alone (spec device-protocols 6.4).
std::string bare_hex(std::string_view thumbprint) {
    std::string hex;
    for (const char c : thumbprint)
        if (c != ':' && c != ' ')
            hex += c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    return hex;
}

bool has_thumbprint(const hub::Authentication& authentication, const x509::Certificate& leaf) {
    const std::string sha1 = leaf.sha1_thumbprint();
    const std::string sha256 = leaf.sha256_thumbprint();
    return std::ranges::any_of(std::array{bare_hex(authentication.primary_thumbprint),
                                          bare_hex(authentication.secondary_thumbprint)},
                               [&](const std::string& known) {
                                   return !known.empty() && (equals_constant_time(known, sha1) ||
                                                             equals_constant_time(known, sha256));
                               });
}

Result<std::vector<x509::Certificate>> presented_with(const DeviceProof& proof) {
    std::vector<x509::Certificate> presented;
    const auto* chain = reinterpret_cast<const STACK_OF(X509)*>(proof.chain);
    const int count = chain == nullptr ? 0 : std::max(sk_X509_num(chain), 0);
    if (static_cast<std::size_t>(count) > x509::presented_max)
        return refused(std::string(x509::reason_of(x509::Fault::too_long)));
    for (int i = 0; i < count; ++i) {
        TRY(x509::Certificate one, x509::Certificate::share(sk_X509_value(chain, i)));
        presented.push_back(std::move(one));
    }
    return presented;
}

Result<Admission> admit_certificate(const DeviceProof& proof, const hub::Identity& identity,
                                    const DeviceRules& rules, Instant now) {
    if (proof.certificate == nullptr) return refused("no certificate");
    const auto leaf = x509::Certificate::share(proof.certificate);
    if (!leaf) return refused(std::string(x509::reason_of(x509::Fault::too_long)));
    if (!leaf->is_valid_at(now))
        return refused(std::string(x509::reason_of(x509::Fault::out_of_time)));
    if (!x509::check_key(*leaf))
        return refused(std::string(x509::reason_of(x509::Fault::weak_key)));
    if (identity.authentication.type == hub::AuthenticationType::self_signed) {
        if (!has_thumbprint(identity.authentication, *leaf)) return refused("unknown thumbprint");
    } else {
        if (leaf->common_name() != identity.id.text()) return refused("common name is not the id");
        TRY(const std::vector<x509::Certificate> presented, presented_with(proof));
        const x509::Verdict verdict = rules.authorities.judge(*leaf, presented, now);
        if (verdict.fault != x509::Fault::none)
            return refused(std::string(x509::reason_of(verdict.fault)));
    }
    return Admission{.principal = {.kind = hub::Principal::Kind::identity,
                                   .name = {},
                                   .rights = 0,
                                   .id = identity.id},
                     .expires = Instant::max()};
}

}  // namespace

Result<Admission> admit(const DeviceProof& proof, const hub::Identity& identity,
                        const hub::Identity& device, const DeviceRules& rules, Instant now) {
    if (device.status == hub::Status::disabled) return refused("disabled");
    Result<Admission> admission = refused("no credential of its own");
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

}  // namespace twinhub::gateway

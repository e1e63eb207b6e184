#include "gateway/device_credentials.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"

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

std::string bare_hex(std::string_view thumbprint) {
    std::string hex;
    for (const char c : thumbprint)
        if (c != ':' && c != ' ') hex += c;
    return ascii_lower(hex);
}

bool has_thumbprint(const hub::Authentication& authentication, X509* certificate) {
    const std::string sha1 = sha1_thumbprint_of(certificate);
    const std::string sha256 = sha256_thumbprint_of(certificate);
    for (const std::string* known :
         {&authentication.primary_thumbprint, &authentication.secondary_thumbprint}) {
        const std::string hex = bare_hex(*known);
        if (!hex.empty() && (equals_constant_time(hex, sha1) || equals_constant_time(hex, sha256)))
            return true;
    }
    return false;
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
        case hub::AuthenticationType::certificate_authority: {
            if (proof.certificate == nullptr) return refused("no certificate");
            if (!is_valid_at(proof.certificate, now))
                return refused("certificate expired or not yet valid");
            if (identity.authentication.type == hub::AuthenticationType::self_signed) {
                if (!has_thumbprint(identity.authentication, proof.certificate))
                    return refused("unknown thumbprint");
            } else {
                if (common_name_of(proof.certificate) != identity.id.text())
                    return refused("common name is not the id");
                if (!rules.authorities.verifies(proof.certificate, proof.chain, now))
                    return refused("certificate not signed by a trusted CA");
            }
            admission = Admission{.principal = {.kind = hub::Principal::Kind::identity,
                                                .name = {},
                                                .rights = 0,
                                                .id = identity.id},
                                  .expires = Instant::max()};
            break;
        }
        case hub::AuthenticationType::none: break;
    }
    TRY_VOID(admission);
    TRY_VOID(hub::decide(admission->principal, hub::Operation::device_connect, identity.id));
    return admission;
}

}  // namespace twinhub::gateway

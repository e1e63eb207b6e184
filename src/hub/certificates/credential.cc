#include "hub/certificates/credential.h"

#include "base/encoding.h"

#include <openssl/sha.h>

#include <algorithm>

namespace twinhub::hub {
namespace {

std::unexpected<Error> refused(std::string_view label, std::string_view why) {
    return failure(Code::unauthorized, std::string(why), std::string(label));
}

std::unexpected<Error> refused(x509::Fault fault) {
    return refused(name_of(fault), reason_of(fault));
}

// As thumbprints are compared: upper-case hex alone (spec device-protocols 6.4).
std::string bare_hex(std::string_view thumbprint) {
    std::string hex;
    for (const char c : thumbprint)
        if (c != ':' && c != ' ')
            hex += c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    return hex;
}

bool has_thumbprint(const Authentication& authentication, const x509::Certificate& leaf) {
    const std::string sha1 = leaf.sha1_thumbprint();
    const std::string sha256 = leaf.sha256_thumbprint();
    const auto is_known = [&](std::string_view thumbprint) {
        const std::string known = bare_hex(thumbprint);
        return !known.empty() &&
               (equals_constant_time(known, sha1) || equals_constant_time(known, sha256));
    };
    return is_known(authentication.primary_thumbprint) ||
           is_known(authentication.secondary_thumbprint);
}

bool is_key(const KeyMark& mark, std::string_view base64) {
    const auto key = base64_decode(base64);
    return key && !key->empty() && mark_of(*key) == mark;
}

}  // namespace

KeyMark mark_of(std::string_view key) {
    KeyMark mark;
    SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(),
           reinterpret_cast<unsigned char*>(mark.data()));
    return mark;
}

Result<std::vector<x509::Certificate>> judge_certificate(
    const Identity& identity, const x509::Certificate& leaf,
    std::span<const x509::Certificate> presented, const x509::TrustStore& trust, Instant now) {
    if (!leaf.is_valid_at(now)) return refused(x509::Fault::out_of_time);
    if (!x509::check_key(leaf)) return refused(x509::Fault::weak_key);
    switch (identity.authentication.type) {
        case AuthenticationType::self_signed:
            if (!has_thumbprint(identity.authentication, leaf))
                return refused("unknown_thumbprint", "unknown thumbprint");
            return std::vector<x509::Certificate>{};
        case AuthenticationType::certificate_authority: {
            if (leaf.common_name() != identity.id.text())
                return refused("wrong_name", "common name is not the id");
            x509::Verdict verdict = trust.judge(leaf, presented, now);
            if (verdict.fault != x509::Fault::none) return refused(verdict.fault);
            return std::move(verdict.chain);
        }
        case AuthenticationType::sas:
        case AuthenticationType::none: break;
    }
    return refused("wrong_kind", "the identity does not use certificates");
}

bool still_holds(const Credential& credential, const Identity& identity,
                 const x509::TrustStore& trust, Instant now) {
    const Authentication& authentication = identity.authentication;
    switch (credential.kind) {
        case Credential::Kind::unknown: return false;
        case Credential::Kind::policy: return authentication.type == AuthenticationType::sas;
        case Credential::Kind::own_key:
            return authentication.type == AuthenticationType::sas &&
                   (is_key(credential.key, authentication.primary_key) ||
                    is_key(credential.key, authentication.secondary_key));
        case Credential::Kind::certificate: break;
    }
    const PresentedCertificate& shown = *credential.certificate;
    return judge_certificate(identity, shown.leaf, shown.intermediates, trust,
                             std::min(now, shown.leaf.not_after()))
        .has_value();
}

bool still_trusted(const PresentedCertificate& presented, const x509::TrustStore& trust,
                   Instant now) {
    if (presented.chain.empty() || trust.still_covers(presented.chain, presented.intermediates))
        return true;
    const x509::Fault fault = trust
                                  .judge(presented.leaf, presented.intermediates,
                                         std::min(now, presented.leaf.not_after()))
                                  .fault;
    return fault == x509::Fault::none || fault == x509::Fault::out_of_time;
}

}  // namespace twinhub::hub

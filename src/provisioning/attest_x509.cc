#include "provisioning/attest_x509.h"

#include "base/encoding.h"

#include <algorithm>

namespace twinhub::provisioning {
namespace {

Attested doubtful(Doubt doubt) { return {.doubt = doubt, .enrollment = {}, .authentication = {}}; }

Doubt doubt_of(x509::Fault fault) {
    switch (fault) {
        case x509::Fault::none: return Doubt::none;
        case x509::Fault::out_of_time: return Doubt::out_of_time;
        default: return Doubt::certificate;
    }
}

std::string thumbprint_of(const std::string& der) {
    const auto certificate = x509::Certificate::parse_der(der);
    return certificate ? certificate->sha256_thumbprint() : std::string();
}

hub::IdentitySpec::AuthenticationSpec by_thumbprint(std::string primary, std::string secondary) {
    hub::IdentitySpec::AuthenticationSpec spec;
    spec.type = hub::AuthenticationType::self_signed;
    spec.primary_thumbprint = std::move(primary);
    spec.secondary_thumbprint = std::move(secondary);
    return spec;
}

// Signed by a CA where the hub itself will believe the device under its id, so that a renewed
// certificate needs no new registration; else by the certificate at hand (spec
// device-protocols 7.1).
hub::IdentitySpec::AuthenticationSpec for_the_hub(const Caller& caller,
                                                  const Enrollment& enrollment,
                                                  const AttestationRules& rules) {
    const std::string& device =
        enrollment.device_id.empty() ? caller.id.text() : enrollment.device_id;
    const auto trusted =
        rules.authorities && rules.authorities->trusted ? rules.authorities->trusted() : nullptr;
    if (trusted != nullptr && caller.certificate.common_name() == device &&
        trusted->judge(caller.certificate, caller.chain, rules.now).fault == x509::Fault::none) {
        hub::IdentitySpec::AuthenticationSpec spec;
        spec.type = hub::AuthenticationType::certificate_authority;
        return spec;
    }
    return by_thumbprint(caller.certificate.sha256_thumbprint(), {});
}

// Signing certificates, or the hub's authorities of those names.
std::vector<x509::Certificate> anchors_of(const X509Proof& proof, const AttestationRules& rules) {
    if (proof.role != X509Proof::Role::references) return signers_of(proof);
    std::vector<x509::Certificate> anchors;
    if (rules.authorities == nullptr || !rules.authorities->named) return anchors;
    for (const std::string* name : {&proof.primary, &proof.secondary})
        if (!name->empty())
            if (auto found = rules.authorities->named(*name)) anchors.push_back(*std::move(found));
    return anchors;
}

// Whether it is worth the work: something that was presented says that it comes from an anchor.
bool may_lead_to(const Caller& caller, std::span<const x509::Certificate> anchors) {
    const auto comes_from = [&](const x509::Certificate& certificate) {
        return std::ranges::any_of(anchors, [&](const x509::Certificate& anchor) {
            return certificate.has_issuer_named(anchor);
        });
    };
    return comes_from(caller.certificate) || std::ranges::any_of(caller.chain, comes_from);
}

Doubt judge(const Caller& caller, std::vector<x509::Certificate> anchors,
            const AttestationRules& rules) {
    if (anchors.empty() || !may_lead_to(caller, anchors)) return Doubt::certificate;
    // What the hub knows to be taken back is taken back here too.
    x509::Trust trust;
    trust.authorities = std::move(anchors);
    if (rules.authorities != nullptr && rules.authorities->trusted)
        if (const auto trusted = rules.authorities->trusted()) {
            trust.intermediates = trusted->trust().intermediates;
            trust.revoked = trusted->trust().revoked;
        }
    const auto store = x509::TrustStore::create(std::move(trust));
    if (!store) return Doubt::certificate;
    return doubt_of((*store)->judge(caller.certificate, caller.chain, rules.now).fault);
}

bool is_for(const x509::Certificate& certificate, const ProvisioningId& id) {
    return equals_ignoring_case(certificate.common_name(), id.text());
}

}  // namespace

std::vector<x509::Certificate> signers_of(const X509Proof& proof) {
    std::vector<x509::Certificate> signers;
    if (proof.role != X509Proof::Role::signing) return signers;
    for (const std::string* der : {&proof.primary, &proof.secondary})
        if (!der->empty())
            if (auto certificate = x509::Certificate::parse_der(*der))
                signers.push_back(*std::move(certificate));
    return signers;
}

Attested attest_by_own_certificate(const Caller& caller,
                                   const std::shared_ptr<const Enrollment>& enrollment,
                                   const X509Proof& proof, const AttestationRules& rules) {
    if (!caller.certificate) return doubtful(Doubt::no_proof);
    if (!is_for(caller.certificate, caller.id)) return doubtful(Doubt::common_name);
    if (proof.role != X509Proof::Role::client) {
        const Doubt doubt = judge(caller, anchors_of(proof, rules), rules);
        if (doubt != Doubt::none) return doubtful(doubt);
        return {.doubt = Doubt::none,
                .enrollment = enrollment,
                .authentication = for_the_hub(caller, *enrollment, rules)};
    }
    const std::string der = caller.certificate.der();
    if (der != proof.primary && der != proof.secondary) return doubtful(Doubt::certificate);
    if (!caller.certificate.is_valid_at(rules.now)) return doubtful(Doubt::out_of_time);
    if (!x509::check_key(caller.certificate)) return doubtful(Doubt::certificate);
    // Both enrolled ones open the hub, so that a device can change from one to the other.
    std::string primary = thumbprint_of(proof.primary);
    std::string secondary = thumbprint_of(proof.secondary);
    if (primary.empty()) primary.swap(secondary);
    return {.doubt = Doubt::none,
            .enrollment = enrollment,
            .authentication = by_thumbprint(std::move(primary), std::move(secondary))};
}

Attested attest_by_group_certificates(const Caller& caller, std::span<const Group> groups,
                                      const AttestationRules& rules) {
    if (!is_for(caller.certificate, caller.id)) return doubtful(Doubt::common_name);
    Doubt nearest = Doubt::certificate;
    for (const Status wanted : {Status::enabled, Status::disabled})
        for (const Group& group : groups) {
            const auto* proof = std::get_if<X509Proof>(&group.enrollment->attestation);
            if (proof == nullptr || group.enrollment->status != wanted) continue;
            const Doubt doubt = judge(
                caller, group.signers.empty() ? anchors_of(*proof, rules) : group.signers, rules);
            if (doubt == Doubt::none)
                return {.doubt = Doubt::none,
                        .enrollment = group.enrollment,
                        .authentication = for_the_hub(caller, *group.enrollment, rules)};
            if (doubt == Doubt::out_of_time) nearest = doubt;
        }
    return doubtful(nearest);
}

}  // namespace twinhub::provisioning

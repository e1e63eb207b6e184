#include "provisioning/attest.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"
#include "provisioning/attest_tpm.h"
#include "provisioning/attest_x509.h"

#include <array>
#include <optional>

namespace twinhub::provisioning {
namespace {

namespace sas = protocol::sas;

std::string decoded(std::string_view base64) { return base64_decode(base64).value_or(""); }

Attested doubtful(Doubt doubt) { return {.doubt = doubt, .enrollment = {}, .authentication = {}}; }

hub::IdentitySpec::AuthenticationSpec keys_of(std::string primary, std::string secondary) {
    hub::IdentitySpec::AuthenticationSpec spec;
    spec.type = hub::AuthenticationType::sas;
    spec.primary_key = std::move(primary);
    spec.secondary_key = std::move(secondary);
    return spec;
}

// An empty key is one that everybody knows.
bool is_signed_by(const sas::Token& token, const std::string& key) {
    return !key.empty() && sas::signed_by(token, key);
}

Attested by_own_keys(const Caller& caller, const std::shared_ptr<const Enrollment>& enrollment,
                     const SymmetricKeys& keys, const AttestationRules& rules) {
    const auto token = read_token(caller, rules);
    if (!token) return doubtful(token.error());
    const bool primary = is_signed_by(*token, decoded(keys.primary));
    const bool secondary = is_signed_by(*token, decoded(keys.secondary));
    if (!primary && !secondary) return doubtful(Doubt::key);
    return {.doubt = Doubt::none,
            .enrollment = enrollment,
            .authentication = keys_of(keys.primary, keys.secondary)};
}

// The keys of a device under a group follow from its registration id, as it spells it or in lower
// case; the group's own keys open nothing.
std::optional<Attested> by_group_keys(const sas::Token& token, const ProvisioningId& id,
                                      const Group& group) {
    const std::array spellings{std::string_view(id.text()), std::string_view(id.key())};
    for (const std::string_view spelling :
         std::span(spellings).first(id.text() == id.key() ? 1 : 2)) {
        if (group.primary_key.empty() || group.secondary_key.empty()) return std::nullopt;
        const std::string primary = sas::hmac_sha256(group.primary_key, spelling);
        const std::string secondary = sas::hmac_sha256(group.secondary_key, spelling);
        const bool by_primary = is_signed_by(token, primary);
        const bool by_secondary = is_signed_by(token, secondary);
        if (by_primary || by_secondary)
            return Attested{
                .doubt = Doubt::none,
                .enrollment = group.enrollment,
                .authentication = keys_of(base64_encode(primary), base64_encode(secondary))};
    }
    return std::nullopt;
}

bool has_keys(const Group& group) {
    return std::holds_alternative<SymmetricKeys>(group.enrollment->attestation);
}

Attested by_group_keys(const Caller& caller, std::span<const Group> groups,
                       const AttestationRules& rules) {
    const auto token = read_token(caller, rules);
    if (!token) return doubtful(token.error());
    bool any = false;
    for (const Status wanted : {Status::enabled, Status::disabled})
        for (const Group& group : groups) {
            if (group.enrollment->status != wanted || !has_keys(group)) continue;
            any = true;
            if (auto attested = by_group_keys(*token, caller.id, group)) return *attested;
        }
    return doubtful(any ? Doubt::key : Doubt::registration);
}

}  // namespace

std::string_view name_of(Doubt doubt) {
    constexpr std::array<std::string_view, doubt_count> names{
        "none",        "scope",        "no_proof", "token",       "expired",
        "resource",    "registration", "key",      "common_name", "certificate",
        "out_of_time", "challenge",    "tpm"};
    return names[static_cast<std::size_t>(doubt)];
}

std::expected<sas::Token, Doubt> read_token(const Caller& caller, const AttestationRules& rules) {
    if (caller.token.empty()) return std::unexpected(Doubt::no_proof);
    auto token = sas::parse_token(caller.token);
    // Python names no key at all (spec device-protocols 7.1).
    if (!token || !(token->policy.empty() || equals_ignoring_case(token->policy, "registration")))
        return std::unexpected(Doubt::token);
    if (sas::is_expired(*token, rules.now, rules.skew)) return std::unexpected(Doubt::expired);
    if (!covers_registration(token->resource, caller.scope, caller.id.key()))
        return std::unexpected(Doubt::resource);
    return *std::move(token);
}

Group make_group(Enrollment enrollment) {
    Group group;
    if (const auto* keys = std::get_if<SymmetricKeys>(&enrollment.attestation)) {
        group.primary_key = decoded(keys->primary);
        group.secondary_key = decoded(keys->secondary);
    }
    if (const auto* proof = std::get_if<X509Proof>(&enrollment.attestation))
        group.signers = signers_of(*proof);
    group.enrollment = std::make_shared<const Enrollment>(std::move(enrollment));
    return group;
}

Attested attest(const Caller& caller, const std::shared_ptr<const Enrollment>& individual,
                std::span<const Group> groups, const AttestationRules& rules) {
    if (!equals_ignoring_case(caller.scope, rules.scope)) return doubtful(Doubt::scope);
    if (individual == nullptr)
        // A certificate may be there for other reasons; a token is meant.
        return caller.token.empty() && caller.certificate
                   ? attest_by_group_certificates(caller, groups, rules)
                   : by_group_keys(caller, groups, rules);
    if (const auto* keys = std::get_if<SymmetricKeys>(&individual->attestation))
        return by_own_keys(caller, individual, *keys, rules);
    if (const auto* proof = std::get_if<X509Proof>(&individual->attestation))
        return attest_by_own_certificate(caller, individual, *proof, rules);
    return attest_by_tpm(caller, individual, std::get<TpmKeys>(individual->attestation), rules);
}

bool covers_registration(std::string_view resource, std::string_view scope,
                         std::string_view registration) {
    std::string wanted(scope);
    wanted += "/registrations/";
    wanted += registration;
    std::optional<std::string> text{std::string(resource)};
    for (int decoded_times = 0; decoded_times <= 2 && text; ++decoded_times) {
        std::string_view bare = *text;
        if (bare.ends_with('/')) bare.remove_suffix(1);
        if (equals_ignoring_case(bare, wanted)) return true;
        text = percent_decode(*text);
    }
    return false;
}

}  // namespace twinhub::provisioning

#include "provisioning/attest_tpm.h"

#include "base/encoding.h"

namespace twinhub::provisioning {
namespace {

Result<tpm::PublicKey> read_key(const std::string& base64, tpm::KeyRole role) {
    return tpm::parse_public(base64_decode(base64).value_or(""), role);
}

bool is_enrolled(const tpm::Keys& keys, const TpmKeys& enrolled) {
    const auto endorsement = read_key(enrolled.endorsement, tpm::KeyRole::endorsement);
    if (!endorsement || *endorsement != keys.endorsement) return false;
    if (enrolled.storage_root.empty()) return true;
    const auto storage_root = read_key(enrolled.storage_root, tpm::KeyRole::storage_root);
    return storage_root && *storage_root == keys.storage_root;
}

Attested doubtful(Doubt doubt) { return {.doubt = doubt, .enrollment = {}, .authentication = {}}; }

}  // namespace

std::expected<tpm::Keys, Doubt> judge_tpm_keys(const Enrollment* individual, const TpmKeys& shown) {
    if (individual == nullptr) return std::unexpected(Doubt::registration);
    const auto* enrolled = std::get_if<TpmKeys>(&individual->attestation);
    if (enrolled == nullptr) return std::unexpected(Doubt::no_proof);
    auto endorsement = read_key(shown.endorsement, tpm::KeyRole::endorsement);
    auto storage_root = read_key(shown.storage_root, tpm::KeyRole::storage_root);
    if (!endorsement || !storage_root) return std::unexpected(Doubt::tpm);
    tpm::Keys keys{*std::move(endorsement), *std::move(storage_root)};
    if (!is_enrolled(keys, *enrolled)) return std::unexpected(Doubt::tpm);
    return keys;
}

Attested attest_by_tpm(const Caller& caller, const std::shared_ptr<const Enrollment>& enrollment,
                       const TpmKeys& enrolled, const AttestationRules& rules) {
    const auto token = read_token(caller, rules);
    if (!token) return doubtful(token.error());
    if (rules.challenges == nullptr) return doubtful(Doubt::challenge);
    const tpm::Challenge* challenge =
        rules.challenges->answered_by(caller.id.key(), *token, rules.moment);
    if (challenge == nullptr) return doubtful(Doubt::challenge);
    // The enrollment may be another one by now.
    if (!is_enrolled(challenge->keys, enrolled)) return doubtful(Doubt::tpm);
    return {.doubt = Doubt::none,
            .enrollment = enrollment,
            .authentication = {},
            .tpm = TpmProof{challenge->keys, challenge->signing_key, challenge->operation}};
}

}  // namespace twinhub::provisioning

// Devices with a TPM: the challenge that they answer, the key that they get for their hub.
#include "base/encoding.h"
#include "hub/shards.h"
#include "provisioning/attest_tpm.h"
#include "provisioning/desk.h"
#include "provisioning/limits.h"
#include "provisioning/tpm/algorithms.h"

namespace twinhub::provisioning {

Task<Challenged> Desk::challenge(Caller caller, TpmKeys shown) {
    const std::string& id = caller.id.key();
    const auto found = co_await find_enrollment(EnrollmentKind::individual, id);
    if (!found) co_return std::unexpected(refusal(found.error()));
    if (!equals_ignoring_case(caller.scope, parts_.settings.id_scope))
        co_return std::unexpected(doubted(caller, Doubt::scope));
    auto keys = judge_tpm_keys(*found ? &**found : nullptr, shown);
    if (!keys) co_return std::unexpected(doubted(caller, keys.error()));
    const Moment now = parts_.hub.clock().monotonic();
    if (const tpm::Challenge* open = challenges_.open(id, *keys, now)) {
        parts_.metrics.challenged(ChallengeEvent::repeated);
        co_return open->blob;
    }
    const tpm::Challenges::Room room = challenges_.room(id, now);
    count_challenges();
    if (room == tpm::Challenges::Room::none) {
        parts_.metrics.challenged(ChallengeEvent::crowded);
        co_return std::unexpected(
            too_much("Too many devices register at this moment", 2 * parts_.settings.retry_after));
    }
    Random& random = parts_.hub.random();
    tpm::Challenge challenge{.keys = *std::move(keys),
                             .signing_key = tpm::random_bytes(random, tpm::signing_key_bytes),
                             .blob = {},
                             .operation = {}};
    auto blob = tpm::wrap_signing_key(challenge.keys, challenge.signing_key,
                                      parts_.settings.id_scope, random);
    if (!blob) co_return std::unexpected(doubted(caller, Doubt::tpm));
    challenge.blob = *blob;
    // Asking again and again with other keys, and answering nothing, is guessing.
    if (room == tpm::Challenges::Room::displaces) {
        parts_.metrics.challenged(ChallengeEvent::displaced);
        (void)parts_.doorkeeper.failed(caller.client, now);
    }
    challenges_.add(id, std::move(challenge), now);
    count_challenges();
    parts_.metrics.challenged(ChallengeEvent::issued);
    co_return *std::move(blob);
}

Task<std::optional<Refusal>> Desk::admit(Caller caller) {
    Proof proof = co_await prove(caller);
    co_return std::move(proof.refusal);
}

// The hub knows a second key, too, which nobody has until an operator hands it out.
Result<TpmIdentity> Desk::identity_for(const TpmProof& proof) {
    Random& random = parts_.hub.random();
    const std::string key = tpm::random_bytes(random, tpm::signing_key_bytes);
    TpmIdentity identity;
    TRY(identity.wrapped_key,
        tpm::wrap_signing_key(proof.keys, key, parts_.settings.id_scope, random));
    identity.authentication.type = hub::AuthenticationType::sas;
    identity.authentication.primary_key = base64_encode(key);
    identity.authentication.secondary_key = random.key(tpm::signing_key_bytes);
    return identity;
}

void Desk::count_challenges() {
    parts_.metrics.open_challenges.Increment(static_cast<double>(challenges_.size()) -
                                             static_cast<double>(challenges_counted_));
    challenges_counted_ = challenges_.size();
}

}  // namespace twinhub::provisioning

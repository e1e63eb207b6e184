#include "provisioning/enrollment_rules.h"

#include "base/encoding.h"
#include "base/ids.h"
#include "base/json.h"
#include "provisioning/limits.h"
#include "provisioning/tpm/public_key.h"
#include "provisioning/x509_view.h"
#include "twin/apply.h"

#include <algorithm>

namespace twinhub::provisioning {
namespace {

std::unexpected<Error> invalid(std::string message, std::string where) {
    return failure(Code::argument_invalid, std::move(message), std::move(where));
}

Result<> check_key(const std::string& key, const char* where) {
    const auto bytes = base64_decode(key);
    if (bytes && bytes->size() >= key_bytes_min && bytes->size() <= key_bytes_max) return {};
    return invalid("A key must be base64 of 16 to 64 bytes", where);
}

Result<> check_symmetric(SymmetricKeys& keys, Random& random) {
    for (std::string* key : {&keys.primary, &keys.secondary})
        if (key->empty()) *key = random.key(generated_key_bytes);
    TRY_VOID(check_key(keys.primary, "attestation.symmetricKey.primaryKey"));
    return check_key(keys.secondary, "attestation.symmetricKey.secondaryKey");
}

Result<> check_x509(const X509Proof& proof, EnrollmentKind kind) {
    if (proof.primary.empty() && proof.secondary.empty())
        return invalid("The attestation needs a certificate, or the name of an authority",
                       "attestation.x509");
    if (kind == EnrollmentKind::group && proof.role == X509Proof::Role::client)
        return invalid("A group is proved by signingCertificates or caReferences",
                       "attestation.x509.clientCertificates");
    return {};
}

Result<> check_tpm_key(const std::string& key, tpm::KeyRole role, const char* where) {
    const auto bytes = base64_decode(key);
    if (!bytes) return invalid("The key must be base64 of a TPM2B_PUBLIC structure", where);
    const auto read = tpm::parse_public(*bytes, role);
    if (!read) return invalid(read.error().message, where);
    return {};
}

Result<> check_tpm(const TpmKeys& keys, EnrollmentKind kind) {
    if (kind == EnrollmentKind::group)
        return invalid("A group cannot be proved by a TPM", "attestation.type");
    TRY_VOID(check_tpm_key(keys.endorsement, tpm::KeyRole::endorsement,
                           "attestation.tpm.endorsementKey"));
    if (keys.storage_root.empty()) return {};
    return check_tpm_key(keys.storage_root, tpm::KeyRole::storage_root,
                         "attestation.tpm.storageRootKey");
}

Result<> check_attestation(Enrollment& enrollment, Random& random) {
    if (auto* keys = std::get_if<SymmetricKeys>(&enrollment.attestation))
        return check_symmetric(*keys, random);
    if (const auto* proof = std::get_if<X509Proof>(&enrollment.attestation))
        return check_x509(*proof, enrollment.kind);
    return check_tpm(std::get<TpmKeys>(enrollment.attestation), enrollment.kind);
}

bool is_known(std::string_view host, std::span<const std::string> hosts) {
    return std::ranges::any_of(
        hosts, [&](const std::string& known) { return equals_ignoring_case(known, host); });
}

Result<> check_allocation(const Enrollment& enrollment, std::span<const std::string> hosts) {
    if (enrollment.hubs.size() > hubs_max) return invalid("These are too many hubs", "iotHubs");
    for (const std::string& host : enrollment.hubs)
        if (!is_known(host, hosts)) return invalid("No hub of this name is linked", "iotHubs");
    if (!enrollment.hub.empty() && !is_known(enrollment.hub, hosts))
        return invalid("No hub of this name is linked", "iotHubHostName");
    if (enrollment.allocation == Allocation::fixed && enrollment.hubs.size() > 1)
        return invalid("A static allocation has one hub", "iotHubs");
    const CustomAllocation& custom = enrollment.custom;
    if (enrollment.allocation != Allocation::custom) return {};
    if (custom.webhook_url.empty() || custom.api_version.empty())
        return invalid("A custom allocation needs webhookUrl and apiVersion",
                       "customAllocationDefinition");
    if (custom.webhook_url.size() > url_bytes_max || !custom.webhook_url.starts_with("https://"))
        return invalid("The webhook must be an https address",
                       "customAllocationDefinition.webhookUrl");
    return {};
}

Result<> check(Enrollment& enrollment, std::span<const std::string> hosts, Random& random) {
    TRY_VOID(check_attestation(enrollment, random));
    TRY_VOID(check_allocation(enrollment, hosts));
    if (!enrollment.device_id.empty() && !DeviceId::parse(enrollment.device_id))
        return invalid("This is no device id", "deviceId");
    if (enrollment.is_group() && !enrollment.device_id.empty())
        return invalid("The devices of a group are named by their registration ids", "deviceId");
    if (enrollment.information.size() > information_bytes_max)
        return invalid("The information is too large", "optionalDeviceInformation");
    TRY(const twin::ServiceUpdate initial, initial_update(enrollment.initial_twin));
    TRY_VOID(twin::fresh_with(initial, never));
    return {};
}

}  // namespace

Result<Enrollment> make_enrollment(EnrollmentWish wish, std::span<const std::string> hosts,
                                   Instant now, Random& random) {
    if (!wish.kept_primary.empty() || !wish.kept_secondary.empty())
        return invalid("A new enrollment needs the certificate itself", "attestation.x509");
    Enrollment made = std::move(wish.enrollment);
    TRY_VOID(check(made, hosts, random));
    made.etag = new_etag(random);
    made.created = made.updated = now;
    return made;
}

Result<Enrollment> replace_enrollment(const Enrollment& current, EnrollmentWish wish,
                                      std::span<const std::string> hosts, Instant now,
                                      Random& random) {
    Enrollment next = std::move(wish.enrollment);
    if (wish.keys_left_out && std::holds_alternative<SymmetricKeys>(next.attestation) &&
        std::holds_alternative<SymmetricKeys>(current.attestation))
        next.attestation = current.attestation;
    if (!wish.kept_primary.empty() || !wish.kept_secondary.empty())
        TRY_VOID(keep_certificates(current, wish, next));
    TRY_VOID(check(next, hosts, random));
    next.id = current.id;  // its spelling is the first one
    do next.etag = new_etag(random);
    while (next.etag == current.etag);
    next.created = current.created;
    next.updated = now;
    return next;
}

std::string new_etag(Random& random) { return random.hex(4) + "-0000-0000-0000-" + random.hex(6); }

Result<twin::ServiceUpdate> initial_update(const InitialTwin& initial) {
    json::object body;
    if (!initial.tags.empty()) {
        TRY(body["tags"], parse_json(initial.tags));
    }
    if (!initial.desired.empty()) {
        TRY(json::value desired, parse_json(initial.desired));
        body["properties"] = json::object{{"desired", std::move(desired)}};
    }
    auto update = twin::parse_service_update(body, twin::Kind::replace);
    if (!update) {
        Error error = std::move(update).error();
        error.where = "initialTwin" + (error.where.empty() ? "" : "." + error.where);
        return std::unexpected(std::move(error));
    }
    return update;
}

}  // namespace twinhub::provisioning

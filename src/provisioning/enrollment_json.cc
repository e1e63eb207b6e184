#include "provisioning/enrollment_json.h"

#include "base/encoding.h"
#include "base/json_members.h"
#include "provisioning/limits.h"
#include "provisioning/names.h"
#include "x509/certificate.h"

#include <array>

namespace twinhub::provisioning {
namespace {

std::unexpected<Error> invalid(std::string message, std::string where) {
    return failure(Code::argument_invalid, std::move(message), std::move(where));
}

Result<std::string> text_of(const json::object& object, std::string_view name) {
    TRY(std::optional<std::string> text, text_member(object, name));
    return std::move(text).value_or("");
}

// What clients add to a collection of a twin, and that is not of it.
bool is_decoration(std::string_view name) {
    return name == "count" || name == "metadata" || name == "version" ||
           name == "additional_properties";
}

// A part of a twin as text, without nulls and decorations at its root; empty when it is not there.
Result<std::string> collection_of(const json::object& object, std::string_view name) {
    TRY(const json::object* part, object_member(object, name));
    if (part == nullptr) return std::string();
    json::object kept;
    for (const auto& member : *part)
        if (!member.value().is_null() || !is_decoration(member.key()))
            kept[member.key()] = member.value();
    return to_text(kept);
}

// Some clients wrap what they read in another object when they send it back.
const json::object& unwrapped(const json::object& object) {
    const json::value* inner = object.if_contains("additional_properties");
    if (inner == nullptr || !inner->is_object() || object.if_contains("tags") ||
        object.if_contains("properties"))
        return object;
    return inner->get_object();
}

Result<InitialTwin> read_initial_twin(const json::object& body) {
    InitialTwin twin;
    TRY(const json::object* given, object_member(body, "initialTwin"));
    if (given == nullptr) return twin;
    const json::object& object = unwrapped(*given);
    TRY(twin.tags, collection_of(object, "tags"));
    TRY(const json::object* properties, object_member(object, "properties"));
    if (properties != nullptr) {
        TRY(twin.desired, collection_of(*properties, "desired"));
    }
    return twin;
}

// {"certificate":PEM or base64 of DER}, or what GET shows of the one that is there.
Result<> read_certificate(const json::object& certificates, std::string_view name, std::string& der,
                          std::string& kept, const std::string& where) {
    TRY(const json::object* given, object_member(certificates, name));
    if (given == nullptr) return {};
    const std::string path = where + "." + std::string(name);
    TRY(const std::string text, text_of(*given, "certificate"));
    if (!text.empty()) {
        auto certificate = x509::Certificate::parse(text);
        if (!certificate) return invalid(certificate.error().message, path + ".certificate");
        TRY_VOID(x509::check_key(*certificate));
        der = certificate->der();
        return {};
    }
    TRY(const json::object* info, object_member(*given, "info"));
    if (info != nullptr) {
        TRY(kept, text_of(*info, "sha256Thumbprint"));
    }
    if (kept.empty()) return invalid("The certificate is missing", path + ".certificate");
    return {};
}

Result<> read_x509(const json::object& attestation, EnrollmentWish& wish) {
    TRY(const json::object* x509, object_member(attestation, "x509"));
    if (x509 == nullptr) return invalid("The member is missing", "attestation.x509");
    X509Proof proof;
    TRY(const json::object* client, object_member(*x509, "clientCertificates"));
    TRY(const json::object* signing, object_member(*x509, "signingCertificates"));
    TRY(const json::object* references, object_member(*x509, "caReferences"));
    if ((client != nullptr) + (signing != nullptr) + (references != nullptr) != 1)
        return invalid("One of clientCertificates, signingCertificates and caReferences is needed",
                       "attestation.x509");
    if (references != nullptr) {
        proof.role = X509Proof::Role::references;
        TRY(proof.primary, text_of(*references, "primary"));
        TRY(proof.secondary, text_of(*references, "secondary"));
    } else {
        const bool own = client != nullptr;
        proof.role = own ? X509Proof::Role::client : X509Proof::Role::signing;
        const json::object& certificates = own ? *client : *signing;
        const std::string where =
            std::string("attestation.x509.") + (own ? "clientCertificates" : "signingCertificates");
        TRY_VOID(
            read_certificate(certificates, "primary", proof.primary, wish.kept_primary, where));
        TRY_VOID(read_certificate(certificates, "secondary", proof.secondary, wish.kept_secondary,
                                  where));
    }
    wish.enrollment.attestation = std::move(proof);
    return {};
}

Result<> read_attestation(const json::object& body, EnrollmentWish& wish) {
    TRY(const json::object* attestation, object_member(body, "attestation"));
    if (attestation == nullptr) return invalid("The member is missing", "attestation");
    TRY(const std::string type, text_of(*attestation, "type"));
    const auto index = attestation_named(type);
    if (!index) return invalid("The type must be symmetricKey, x509 or tpm", "attestation.type");
    if (*index == 1) return read_x509(*attestation, wish);
    if (*index == 2) {
        TRY(const json::object* tpm, object_member(*attestation, "tpm"));
        if (tpm == nullptr) return invalid("The member is missing", "attestation.tpm");
        TpmKeys keys;
        TRY(keys.endorsement, text_of(*tpm, "endorsementKey"));
        TRY(keys.storage_root, text_of(*tpm, "storageRootKey"));
        wish.enrollment.attestation = std::move(keys);
        return {};
    }
    TRY(const json::object* symmetric, object_member(*attestation, "symmetricKey"));
    SymmetricKeys keys;
    wish.keys_left_out = symmetric == nullptr;
    if (symmetric != nullptr) {
        TRY(keys.primary, text_of(*symmetric, "primaryKey"));
        TRY(keys.secondary, text_of(*symmetric, "secondaryKey"));
    }
    wish.enrollment.attestation = std::move(keys);
    return {};
}

Result<> read_allocation(const json::object& body, Enrollment& enrollment) {
    TRY(enrollment.hub, text_of(body, "iotHubHostName"));
    TRY(const json::array* hubs, array_member(body, "iotHubs"));
    if (hubs != nullptr)
        for (const json::value& hub : *hubs) {
            if (!hub.is_string()) return invalid("The hubs are named by texts", "iotHubs");
            enrollment.hubs.emplace_back(hub.get_string().data(), hub.get_string().size());
        }
    TRY(const std::string policy, text_of(body, "allocationPolicy"));
    if (!policy.empty()) {
        const auto allocation = allocation_named(policy);
        if (!allocation)
            return invalid("The policy must be hashed, geoLatency, static or custom",
                           "allocationPolicy");
        enrollment.allocation = *allocation;
    } else if (!enrollment.hub.empty()) {
        // Before there were policies, a device was given its hub (spec service-api 11.3).
        enrollment.allocation = Allocation::fixed;
    }
    TRY(const json::object* custom, object_member(body, "customAllocationDefinition"));
    if (custom == nullptr) return {};
    TRY(enrollment.custom.webhook_url, text_of(*custom, "webhookUrl"));
    TRY(enrollment.custom.api_version, text_of(*custom, "apiVersion"));
    return {};
}

Result<> read_policies(const json::object& body, Enrollment& enrollment) {
    TRY(const std::string status, text_of(body, "provisioningStatus"));
    if (!status.empty()) {
        const auto named = status_named(status);
        if (!named) return invalid("The status must be enabled or disabled", "provisioningStatus");
        enrollment.status = *named;
    }
    TRY(const json::object* policy, object_member(body, "reprovisionPolicy"));
    if (policy != nullptr) {
        TRY(const auto update, flag_member(*policy, "updateHubAssignment"));
        TRY(const auto migrate, flag_member(*policy, "migrateDeviceData"));
        enrollment.reprovision = {.update_hub_assignment = update.value_or(true),
                                  .migrate_device_data = migrate.value_or(true)};
    }
    TRY(const json::object* capabilities, object_member(body, "capabilities"));
    if (capabilities != nullptr) {
        TRY(const auto edge, flag_member(*capabilities, "iotEdge"));
        enrollment.iot_edge = edge.value_or(false);
    }
    return {};
}

enum class Mode : std::uint8_t { create, update, update_if_match, remove };

std::optional<Mode> mode_named(std::string_view text) {
    constexpr std::array<std::string_view, 4> names{"create", "update", "updateIfMatchETag",
                                                    "delete"};
    for (std::size_t i = 0; i < names.size(); ++i)
        if (equals_ignoring_case(text, names[i])) return static_cast<Mode>(i);
    return std::nullopt;
}

Result<EnrollmentChange> read_change(const json::object& item, Mode mode, EnrollmentKind kind) {
    EnrollmentChange change;
    if (mode == Mode::remove) {
        TRY(const std::string id, text_of(item, id_member(kind)));
        TRY(change.wish.enrollment.id, ProvisioningId::parse(id));
        change.removes = true;
        change.match = twin::Match::any();
        return change;
    }
    TRY(change.wish, read_enrollment(item, kind, std::nullopt));
    if (mode == Mode::update) {
        change.match = twin::Match::any();
    } else if (mode == Mode::update_if_match) {
        TRY(const std::string etag, text_of(item, "etag"));
        TRY(change.match, twin::Match::parse(etag));
    }
    return change;
}

}  // namespace

Result<EnrollmentWish> read_enrollment(const json::object& body, EnrollmentKind kind,
                                       const std::optional<ProvisioningId>& named) {
    EnrollmentWish wish;
    Enrollment& enrollment = wish.enrollment;
    enrollment.kind = kind;
    const std::string member(id_member(kind));
    TRY(const std::string id, text_of(body, member));
    if (!id.empty()) {
        auto parsed = ProvisioningId::parse(id);
        if (!parsed) return invalid(parsed.error().message, member);
        if (named && !(*parsed == *named))
            return invalid("The id is another one than that of the address", member);
        enrollment.id = *std::move(parsed);
    } else if (named) {
        enrollment.id = *named;
    } else {
        return invalid("The id is missing", member);
    }
    TRY(enrollment.device_id, text_of(body, "deviceId"));
    TRY(enrollment.information, collection_of(body, "optionalDeviceInformation"));
    TRY_VOID(read_attestation(body, wish));
    TRY_VOID(read_policies(body, enrollment));
    TRY_VOID(read_allocation(body, enrollment));
    TRY(enrollment.initial_twin, read_initial_twin(body));
    return wish;
}

std::string_view id_member(EnrollmentKind kind) {
    return kind == EnrollmentKind::group ? "enrollmentGroupId" : "registrationId";
}

Result<EnrollmentChanges> read_enrollment_changes(const json::object& body, EnrollmentKind kind) {
    const std::string list = kind == EnrollmentKind::group ? "enrollmentGroups" : "enrollments";
    TRY(const auto text, text_member(body, "mode"));
    const std::optional<Mode> mode = mode_named(text.value_or(""));
    if (!mode)
        return invalid("The mode must be create, update, updateIfMatchETag or delete", "mode");
    TRY(const json::array* items, array_member(body, list));
    if (items == nullptr) return failure(Code::argument_null, "The enrollments are missing", list);
    if (items->size() > bulk_items_max)
        return failure(Code::too_many_devices, "A bulk request has at most 10 enrollments", list);
    EnrollmentChanges changes;
    for (const json::value& item : *items) {
        if (!item.is_object())
            return failure(Code::format_invalid, "An enrollment must be an object", list);
        const auto name = text_member(item.get_object(), id_member(kind));
        changes.names.push_back(name ? name->value_or("") : "");
        changes.items.push_back(read_change(item.get_object(), *mode, kind));
    }
    return changes;
}

}  // namespace twinhub::provisioning

#include "provisioning/views.h"

#include "base/encoding.h"
#include "base/json.h"
#include "provisioning/names.h"
#include "provisioning/x509_view.h"

namespace twinhub::provisioning {
namespace {

// A JSON object that is being written: members in the order of the calls.
class Object {
public:
    explicit Object(std::string& out) : out_(out) { out_ += '{'; }
    ~Object() { out_ += '}'; }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    std::string& name(std::string_view name) {
        if (!first_) out_ += ',';
        first_ = false;
        append_json_string(out_, name);
        out_ += ':';
        return out_;
    }
    void text(std::string_view key, std::string_view value) {
        append_json_string(name(key), value);
    }
    void text_unless_empty(std::string_view key, std::string_view value) {
        if (!value.empty()) text(key, value);
    }
    void raw_unless_empty(std::string_view key, std::string_view json) {
        if (!json.empty()) name(key) += json;
    }
    void flag(std::string_view key, bool value) { name(key) += value ? "true" : "false"; }
    void time(std::string_view key, Instant at) { text(key, format_instant(at)); }

private:
    std::string& out_;
    bool first_ = true;
};

// With the quotes in it (spec service-api 11.2).
std::string quoted(std::string_view etag) { return "\"" + std::string(etag) + "\""; }

void append_initial_twin(std::string& out, const InitialTwin& twin) {
    Object object(out);
    object.raw_unless_empty("tags", twin.tags);
    Object properties(object.name("properties"));
    properties.raw_unless_empty("desired", twin.desired);
}

struct AppendAttestation {
    Object& object;
    Keys keys;

    void operator()(const SymmetricKeys& symmetric) const {
        if (keys == Keys::hidden) return;
        Object inner(object.name("symmetricKey"));
        inner.text("primaryKey", symmetric.primary);
        inner.text("secondaryKey", symmetric.secondary);
    }
    void operator()(const X509Proof& proof) const { append_x509(object.name("x509"), proof); }
    void operator()(const TpmKeys& tpm) const {
        Object inner(object.name("tpm"));
        inner.text("endorsementKey", tpm.endorsement);
        inner.text_unless_empty("storageRootKey", tpm.storage_root);
    }
};

// What a device proved itself by, and with which group.
void append_proof(Object& object, const Registration& registration) {
    Object proof(object.name(attestation_name(registration.attestation)));
    if (registration.kind == EnrollmentKind::group)
        proof.text("enrollmentGroupId", registration.enrollment);
    if (registration.progress == Progress::assigned && !registration.tpm_key.empty())
        proof.text("authenticationKey", base64_encode(registration.tpm_key));
}

void append_state(Object& object, const Registration& registration) {
    object.text("registrationId", registration.id.text());
    object.time("createdDateTimeUtc", registration.created);
    if (registration.progress == Progress::assigned) {
        object.text("assignedHub", registration.hub);
        object.text("deviceId", registration.device_id);
    }
    object.text("status", name_of(registration.progress));
    if (registration.progress == Progress::assigned)
        object.text_unless_empty("substatus", name_of(registration.substatus));
    if (registration.progress == Progress::failed) {
        append_json_number(object.name("errorCode"), std::uint64_t{registration.error_number});
        object.text("errorMessage", registration.error_message);
    }
    object.time("lastUpdatedDateTimeUtc", registration.updated);
    object.text("etag", quoted(registration.etag));
    object.raw_unless_empty("payload", registration.payload);
}

}  // namespace

void append_attestation(std::string& out, const Attestation& attestation, Keys keys) {
    Object object(out);
    object.text("type", attestation_name(attestation.index()));
    std::visit(AppendAttestation{object, keys}, attestation);
}

void append_enrollment(std::string& out, const Enrollment& enrollment, Keys keys,
                       const Registration* state) {
    Object object(out);
    if (enrollment.is_group()) {
        object.text("enrollmentGroupId", enrollment.id.text());
    } else {
        object.text("registrationId", enrollment.id.text());
        object.text_unless_empty("deviceId", enrollment.device_id);
        if (state != nullptr) append_registration(object.name("registrationState"), *state);
        object.raw_unless_empty("optionalDeviceInformation", enrollment.information);
    }
    append_attestation(object.name("attestation"), enrollment.attestation, keys);
    {
        Object capabilities(object.name("capabilities"));
        capabilities.flag("iotEdge", enrollment.iot_edge);
    }
    object.text_unless_empty("iotHubHostName", enrollment.hub);
    if (enrollment.initial_twin != InitialTwin{})
        append_initial_twin(object.name("initialTwin"), enrollment.initial_twin);
    object.text("etag", quoted(enrollment.etag));
    object.text("provisioningStatus", name_of(enrollment.status));
    {
        Object policy(object.name("reprovisionPolicy"));
        policy.flag("updateHubAssignment", enrollment.reprovision.update_hub_assignment);
        policy.flag("migrateDeviceData", enrollment.reprovision.migrate_device_data);
    }
    object.time("createdDateTimeUtc", enrollment.created);
    object.time("lastUpdatedDateTimeUtc", enrollment.updated);
    object.text("allocationPolicy", name_of(enrollment.allocation));
    if (!enrollment.hubs.empty()) {
        std::string& out_hubs = object.name("iotHubs");
        char separator = '[';
        for (const std::string& hub : enrollment.hubs) {
            out_hubs += separator;
            append_json_string(out_hubs, hub);
            separator = ',';
        }
        out_hubs += ']';
    }
    if (enrollment.custom != CustomAllocation{}) {
        Object custom(object.name("customAllocationDefinition"));
        custom.text("webhookUrl", enrollment.custom.webhook_url);
        custom.text("apiVersion", enrollment.custom.api_version);
    }
}

void append_registration(std::string& out, const Registration& registration) {
    Object object(out);
    append_state(object, registration);
}

void append_assigning(std::string& out, std::string_view operation) {
    Object object(out);
    object.text("operationId", operation);
    object.text("status", name_of(Progress::assigning));
}

void append_result(std::string& out, std::string_view operation, const Registration& registration) {
    Object object(out);
    object.text("operationId", operation);
    object.text("status", name_of(registration.progress));
    append_result_state(object.name("registrationState"), registration);
}

void append_result_state(std::string& out, const Registration& registration) {
    Object object(out);
    append_proof(object, registration);
    append_state(object, registration);
}

}  // namespace twinhub::provisioning

#include "provisioning/record.h"

#include "base/bytes.h"
#include "store/keys.h"
#include "store/record.h"

namespace twinhub::provisioning {
namespace {

using store::Area;

std::unexpected<Error> damaged(std::string_view what, std::size_t offset) {
    return failure(Code::corrupted, "A stored " + std::string(what) + " cannot be read",
                   "offset " + std::to_string(offset));
}

void append_time(std::string& out, Instant at) {
    append_signed(out, at.time_since_epoch().count());
}
Instant read_time(ByteReader& reader) { return Instant{Ticks{reader.signed_number()}}; }

void append_texts(std::string& out, const std::vector<std::string>& texts) {
    append_varint(out, texts.size());
    for (const std::string& text : texts) append_text(out, text);
}

std::vector<std::string> read_texts(ByteReader& reader) {
    std::vector<std::string> texts;
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) texts.emplace_back(reader.text());
    return texts;
}

struct Append {
    std::string& out;
    void operator()(const SymmetricKeys& keys) const {
        append_text(out, keys.primary);
        append_text(out, keys.secondary);
    }
    void operator()(const X509Proof& proof) const {
        out += static_cast<char>(proof.role);
        append_text(out, proof.primary);
        append_text(out, proof.secondary);
    }
    void operator()(const TpmKeys& keys) const {
        append_text(out, keys.endorsement);
        append_text(out, keys.storage_root);
    }
};

// Nothing for a kind that is not known.
std::optional<Attestation> read_attestation(ByteReader& reader) {
    switch (reader.byte()) {
        case 0: {
            SymmetricKeys keys;
            keys.primary = reader.text();
            keys.secondary = reader.text();
            return keys;
        }
        case 1: {
            X509Proof proof;
            const std::uint8_t role = reader.byte();
            if (role > 2) return std::nullopt;
            proof.role = static_cast<X509Proof::Role>(role);
            proof.primary = reader.text();
            proof.secondary = reader.text();
            return proof;
        }
        case 2: {
            TpmKeys keys;
            keys.endorsement = reader.text();
            keys.storage_root = reader.text();
            return keys;
        }
        default: return std::nullopt;
    }
}

template <class Value>
std::string framed(store::Kind kind, store::Format format, const Value& value,
                   std::string_view key) {
    std::string body;
    append_encoded(body, value);
    return store::sealed(kind, format, key, body);
}

}  // namespace

void append_encoded(std::string& out, const Enrollment& enrollment) {
    out += static_cast<char>(enrollment.kind);
    append_text(out, enrollment.id.text());
    out += static_cast<char>(enrollment.attestation.index());
    std::visit(Append{out}, enrollment.attestation);
    out += static_cast<char>(enrollment.status);
    out += enrollment.reprovision.update_hub_assignment ? '\1' : '\0';
    out += enrollment.reprovision.migrate_device_data ? '\1' : '\0';
    out += static_cast<char>(enrollment.allocation);
    append_texts(out, enrollment.hubs);
    append_text(out, enrollment.hub);
    append_text(out, enrollment.custom.webhook_url);
    append_text(out, enrollment.custom.api_version);
    append_text(out, enrollment.initial_twin.tags);
    append_text(out, enrollment.initial_twin.desired);
    out += enrollment.iot_edge ? '\1' : '\0';
    append_text(out, enrollment.device_id);
    append_text(out, enrollment.information);
    append_text(out, enrollment.etag);
    append_time(out, enrollment.created);
    append_time(out, enrollment.updated);
}

Result<Enrollment> decode_enrollment(std::string_view bytes) {
    ByteReader reader(bytes);
    Enrollment enrollment;
    const std::uint8_t kind = reader.byte();
    auto id = ProvisioningId::parse(reader.text());
    auto attestation = read_attestation(reader);
    if (!id || !attestation || reader.failed()) return damaged("enrollment", reader.offset());
    enrollment.kind = static_cast<EnrollmentKind>(kind);
    enrollment.id = std::move(*id);
    enrollment.attestation = std::move(*attestation);
    const std::uint8_t status = reader.byte();
    enrollment.status = static_cast<Status>(status);
    enrollment.reprovision.update_hub_assignment = reader.byte() != 0;
    enrollment.reprovision.migrate_device_data = reader.byte() != 0;
    const std::uint8_t allocation = reader.byte();
    enrollment.allocation = static_cast<Allocation>(allocation);
    enrollment.hubs = read_texts(reader);
    enrollment.hub = reader.text();
    enrollment.custom.webhook_url = reader.text();
    enrollment.custom.api_version = reader.text();
    enrollment.initial_twin.tags = reader.text();
    enrollment.initial_twin.desired = reader.text();
    enrollment.iot_edge = reader.byte() != 0;
    enrollment.device_id = reader.text();
    enrollment.information = reader.text();
    enrollment.etag = reader.text();
    enrollment.created = read_time(reader);
    enrollment.updated = read_time(reader);
    if (reader.failed() || kind > 1 || status > 1 || allocation > 3)
        return damaged("enrollment", reader.offset());
    return enrollment;
}

void append_encoded(std::string& out, const Registration& registration) {
    append_text(out, registration.id.text());
    out += static_cast<char>(registration.kind);
    append_text(out, registration.enrollment);
    out += static_cast<char>(registration.attestation);
    out += static_cast<char>(registration.progress);
    out += static_cast<char>(registration.substatus);
    append_text(out, registration.hub);
    append_text(out, registration.device_id);
    append_varint(out, registration.error_number);
    append_text(out, registration.error_message);
    append_text(out, registration.payload);
    append_time(out, registration.created);
    append_time(out, registration.updated);
    append_text(out, registration.etag);
    append_varint(out, registration.operations.size());
    for (const Operation& operation : registration.operations) {
        append_text(out, operation.id);
        append_time(out, operation.started);
    }
    append_text(out, registration.tpm_key);
}

Result<Registration> decode_registration(std::string_view bytes) {
    ByteReader reader(bytes);
    Registration registration;
    auto id = ProvisioningId::parse(reader.text());
    if (!id || reader.failed()) return damaged("registration", reader.offset());
    registration.id = std::move(*id);
    const std::uint8_t kind = reader.byte();
    registration.kind = static_cast<EnrollmentKind>(kind);
    registration.enrollment = reader.text();
    registration.attestation = reader.byte();
    const std::uint8_t progress = reader.byte();
    registration.progress = static_cast<Progress>(progress);
    const std::uint8_t substatus = reader.byte();
    registration.substatus = static_cast<Substatus>(substatus);
    registration.hub = reader.text();
    registration.device_id = reader.text();
    registration.error_number = static_cast<std::uint32_t>(reader.varint());
    registration.error_message = reader.text();
    registration.payload = reader.text();
    registration.created = read_time(reader);
    registration.updated = read_time(reader);
    registration.etag = reader.text();
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        Operation operation;
        operation.id = reader.text();
        operation.started = read_time(reader);
        registration.operations.push_back(std::move(operation));
    }
    // Records of before there were TPMs end here.
    if (!reader.failed() && !reader.finished()) registration.tpm_key = reader.text();
    if (reader.failed() || kind > 1 || progress > 4 || substatus > 4)
        return damaged("registration", reader.offset());
    return registration;
}

std::string enrollment_key(EnrollmentKind kind, std::string_view id) {
    return store::metadata_key(
        kind == EnrollmentKind::group ? Area::enrollment_group : Area::enrollment, id);
}

std::string registration_key(std::string_view id) {
    return store::metadata_key(Area::registration, id);
}

std::string members_prefix(std::string_view group) {
    std::string key = store::metadata_key(Area::group_member, group);
    key += '\0';
    return key;
}

std::string member_key(std::string_view group, std::string_view registration) {
    return members_prefix(group).append(registration);
}

std::string sealed(const Enrollment& enrollment, std::string_view key) {
    return framed(store::Kind::enrollment, enrollment_format, enrollment, key);
}

std::string sealed(const Registration& registration, std::string_view key) {
    return framed(store::Kind::registration, registration_format, registration, key);
}

Result<Enrollment> open_enrollment(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::enrollment, enrollment_format, "metadata", key, value));
    return decode_enrollment(opened.body);
}

Result<Registration> open_registration(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::registration, registration_format, "metadata", key, value));
    return decode_registration(opened.body);
}

}  // namespace twinhub::provisioning

#include "hub/record.h"

#include "base/bytes.h"
#include "twin/codec.h"

namespace twinhub::hub {
namespace {

const std::string rollout_principals = principal_of_work("rollout", {});

std::unexpected<Error> damaged(std::string_view what, std::size_t offset) {
    return failure(Code::corrupted, "A stored " + std::string(what) + " cannot be read",
                   "offset " + std::to_string(offset));
}

void append_instant_ticks(std::string& out, Instant at) {
    append_signed(out, at.time_since_epoch().count());
}
Instant read_instant(ByteReader& reader) { return Instant{Ticks{reader.signed_number()}}; }

void append_id(std::string& out, const TwinId& id) {
    append_text(out, id.device.text());
    append_text(out, id.module.text());
}

Result<TwinId> read_id(ByteReader& reader) {
    const std::string_view device_text = reader.text();
    const std::string_view module_text = reader.text();
    TwinId id;
    TRY(id.device, DeviceId::parse(device_text));
    if (!module_text.empty()) {
        TRY(id.module, ModuleId::parse(module_text));
    }
    return id;
}

// History shows what was known, and never a key.
Identity without_keys(Identity identity) {
    identity.authentication.primary_key.clear();
    identity.authentication.secondary_key.clear();
    return identity;
}

struct TwinRecord {
    std::uint64_t sequence = 0;
    std::uint64_t ordinal = 0;
    std::string_view drift;  // empty: there is none
    std::string_view twin;
};

// In place of the twin's own format, which is no 0: how it stands comes before it.
constexpr char drift_follows = 0;

Result<TwinRecord> twin_record(std::string_view bytes) {
    ByteReader reader(bytes);
    TwinRecord record;
    record.sequence = reader.varint();
    record.ordinal = reader.varint();
    const std::size_t at = reader.offset();
    if (at < bytes.size() && bytes[at] == drift_follows) {
        (void)reader.byte();
        record.drift = reader.text();
    }
    if (reader.failed()) return damaged("twin", reader.offset());
    record.twin = reader.rest();
    return record;
}

}  // namespace

void append_encoded(std::string& out, const Identity& identity) {
    append_id(out, identity.id);
    append_text(out, identity.generation_id);
    append_varint(out, identity.etag_number);
    out += static_cast<char>(identity.status);
    append_text(out, identity.status_reason);
    append_instant_ticks(out, identity.status_updated);
    out += static_cast<char>(identity.authentication.type);
    append_text(out, identity.authentication.primary_key);
    append_text(out, identity.authentication.secondary_key);
    append_text(out, identity.authentication.primary_thumbprint);
    append_text(out, identity.authentication.secondary_thumbprint);
    out += identity.iot_edge ? '\1' : '\0';
    append_text(out, identity.device_scope);
    append_varint(out, identity.parent_scopes.size());
    for (const std::string& scope : identity.parent_scopes) append_text(out, scope);
    append_text(out, identity.managed_by);
    append_instant_ticks(out, identity.created);
}

Result<Identity> decode_identity(std::string_view bytes) {
    Identity identity;
    TRY_VOID(decode_identity_into(identity, bytes));
    return identity;
}

Result<> decode_identity_into(Identity& identity, std::string_view bytes) {
    ByteReader reader(bytes);
    auto id = read_id(reader);
    if (!id || reader.failed()) return damaged("identity", reader.offset());
    identity.id = std::move(*id);
    identity.generation_id = reader.text();
    identity.etag_number = reader.varint();
    const std::uint8_t status = reader.byte();
    identity.status = static_cast<Status>(status);
    identity.status_reason = reader.text();
    identity.status_updated = read_instant(reader);
    const std::uint8_t type = reader.byte();
    identity.authentication.type = static_cast<AuthenticationType>(type);
    identity.authentication.primary_key = reader.text();
    identity.authentication.secondary_key = reader.text();
    identity.authentication.primary_thumbprint = reader.text();
    identity.authentication.secondary_thumbprint = reader.text();
    identity.iot_edge = reader.byte() != 0;
    identity.device_scope = reader.text();
    const std::uint64_t scopes = reader.varint();
    identity.parent_scopes.clear();
    for (std::uint64_t i = 0; i < scopes && !reader.failed(); ++i)
        identity.parent_scopes.emplace_back(reader.text());
    identity.managed_by = reader.text();
    identity.created = read_instant(reader);
    if (reader.failed() || status > 1 || type > 3) return damaged("identity", reader.offset());
    return {};
}

void append_encoded(std::string& out, const Presence& presence) {
    out += presence.connected ? '\1' : '\0';
    append_instant_ticks(out, presence.connection_state_updated);
    append_instant_ticks(out, presence.last_activity);
    append_varint(out, presence.subscriptions);
    append_instant_ticks(out, presence.session_expires);
    append_text(out, presence.certificate.thumbprint);
    append_instant_ticks(out, presence.certificate.not_after);
    append_varint(out, presence.methods.size());
    for (const std::string& method : presence.methods) append_text(out, method);
    append_encoded(out, presence.session);
}

Result<Presence> decode_presence(std::string_view bytes) {
    ByteReader reader(bytes);
    Presence presence;
    presence.connected = reader.byte() != 0;
    presence.connection_state_updated = read_instant(reader);
    presence.last_activity = read_instant(reader);
    presence.subscriptions = static_cast<std::uint32_t>(reader.varint());
    presence.session_expires = read_instant(reader);
    if (!reader.finished()) {  // older records end here
        presence.certificate.thumbprint = reader.text();
        presence.certificate.not_after = read_instant(reader);
        const std::uint64_t methods = reader.varint();
        for (std::uint64_t i = 0; i < methods && !reader.failed(); ++i)
            presence.methods.emplace_back(reader.text());
    }
    if (!reader.finished()) presence.session = decode_session(reader);
    if (reader.failed()) return damaged("presence", reader.offset());
    return presence;
}

void append_twin_record(std::string& out, const State& state) {
    append_varint(out, state.sequence);
    append_varint(out, state.ordinal);
    if (state.drift) {
        std::string drift;
        append_encoded(drift, *state.drift);
        out += drift_follows;
        append_text(out, drift);
    }
    twin::append_encoded(out, state.twin);
}

Result<> decode_twin_record(std::string_view bytes, State& state) {
    TRY(const TwinRecord record, twin_record(bytes));
    state.sequence = record.sequence;
    state.ordinal = record.ordinal;
    TRY(state.twin, twin::decode_twin(record.twin));
    state.drift.reset();
    if (record.drift.empty()) return {};
    TRY(Drift drift, decode_drift(record.drift));
    state.drift = std::make_shared<const Drift>(std::move(drift));
    return {};
}

Result<> decode_flat_record(std::string_view bytes, twin::FlatTwin& twin,
                            std::optional<Drift>& drift) {
    TRY(const TwinRecord record, twin_record(bytes));
    drift.reset();
    if (!record.drift.empty()) {
        TRY(drift, decode_drift(record.drift));
    }
    return twin::decode_flat(record.twin, twin);
}

void append_encoded(std::string& out, const ChangeRecord& record) {
    out += static_cast<char>(record.kind);
    append_id(out, record.id);
    append_varint(out, record.ordinal);
    append_varint(out, record.previous);
    append_instant_ticks(out, record.at);
    out += static_cast<char>(record.author.cause);
    append_text(out, record.author.principal);
    append_text(out, record.author.on_behalf_of);
    append_text(out, record.author.change);
    append_text(out, record.author.reason);
    append_text(out, record.author.request_id);
    append_text(out, record.author.client);
    append_text(out, record.detail);
    if (record.kind == ChangeKind::twin) twin::append_encoded(out, record.change);
    if (record.identity_before) append_encoded(out, without_keys(*record.identity_before));
}

Result<ChangeRecord> decode_change_record(std::string_view bytes) {
    ByteReader reader(bytes);
    ChangeRecord record;
    const std::uint8_t kind = reader.byte();
    record.kind = static_cast<ChangeKind>(kind);
    auto id = read_id(reader);
    if (!id || reader.failed() || kind > static_cast<std::uint8_t>(ChangeKind::model))
        return damaged("change", reader.offset());
    record.id = std::move(*id);
    record.ordinal = reader.varint();
    record.previous = reader.varint();
    record.at = read_instant(reader);
    record.author.cause = static_cast<Cause>(reader.byte());
    record.author.principal = reader.text();
    record.author.on_behalf_of = reader.text();
    record.author.change = reader.text();
    record.author.reason = reader.text();
    record.author.request_id = reader.text();
    record.author.client = reader.text();
    record.detail = reader.text();
    if (reader.failed()) return damaged("change", reader.offset());
    // Older records of rollouts have the cause of jobs.
    if (record.author.cause == Cause::job &&
        record.author.principal.starts_with(rollout_principals))
        record.author.cause = Cause::rollout;
    if (record.kind == ChangeKind::twin) {
        TRY(record.change, twin::decode_change(reader.rest()));
    } else if (!reader.finished()) {  // older records end here
        TRY(Identity before, decode_identity(reader.rest()));
        record.identity_before = std::make_shared<const Identity>(std::move(before));
    }
    return record;
}

}  // namespace twinhub::hub

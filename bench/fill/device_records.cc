#include "fill/device_records.h"

#include "base/bytes.h"
#include "base/json.h"
#include "hub/drift/drift.h"
#include "hub/identity_rules.h"
#include "hub/record.h"
#include "hub/slot_facts.h"
#include "load/credentials.h"
#include "load/twin_body.h"
#include "store/record.h"
#include "twin/apply.h"
#include "twin/codec.h"

namespace twinhub::fill {
namespace {

hub::IdentitySpec spec_of(const TwinId& id) {
    hub::IdentitySpec spec;
    spec.id = id;
    spec.status = hub::Status::enabled;
    auto& authentication = spec.authentication.emplace();
    authentication.type = hub::AuthenticationType::sas;
    authentication.primary_key = load::device_key(id.device.text());
    authentication.secondary_key = authentication.primary_key;
    return spec;
}

Result<twin::Twin> created_twin(const load::TwinParts& parts, Instant at) {
    const std::string body =
        R"({"tags":)" + parts.tags + R"(,"properties":{"desired":)" + parts.desired + "}}";
    TRY(const twin::ServiceUpdate initial, twin::parse_service_update(body, twin::Kind::patch));
    return twin::fresh_with(initial, at);
}

// Puts the records of one slot together, device by device.
class SlotWriter {
public:
    SlotWriter(Slot slot, Instant created, Random& random)
        : slot_(slot), created_(created), random_(random) {}

    Result<> add(std::uint64_t number) {
        TwinId id;
        TRY(id.device, DeviceId::parse(load::device_name(number)));
        const std::string key = store::twin_key(id);
        const load::TwinParts parts = load::twin_parts(number);
        const Instant reported_at = created_ + report_after;

        const hub::Birth birth{created_, created_ + Ticks{static_cast<std::int64_t>(number)}};
        TRY(const hub::Identity identity, hub::make_identity(spec_of(id), birth, random_));
        body_.clear();
        hub::append_encoded(body_, identity);
        records_.identities.add(
            key, store::sealed(store::Kind::identity, hub::identity_format, key, body_));

        TRY(const twin::Twin first, created_twin(parts, created_));
        hub::ChangeRecord creation;
        creation.kind = hub::ChangeKind::created;
        creation.at = created_;
        creation.author.principal = "iothubowner";
        twin::append_encoded(creation.detail, first);
        add_change(id, std::move(creation));

        TRY(const twin::Patch report, twin::parse_report(parts.reported));
        TRY(twin::Applied applied, twin::apply_report(first, report, {}, reported_at));
        hub::ChangeRecord reporting;
        reporting.kind = hub::ChangeKind::twin;
        reporting.at = reported_at;
        reporting.author.cause = hub::Cause::device;
        const twin::Change change = std::move(applied.change);
        reporting.change = change;
        reporting.previous = sequence_;
        reporting.ordinal = 1;
        add_change(id, std::move(reporting));

        hub::State before;
        before.twin = first;
        hub::State state;
        state.drift = judge_.next(id, before, applied.next, change);
        state.twin = std::move(applied.next);
        state.sequence = sequence_;
        state.ordinal = 2;
        body_.clear();
        hub::append_twin_record(body_, state);
        records_.twins.add(key,
                           store::sealed(store::Kind::twin, hub::twin_record_format, key, body_));

        add_presence(key, reported_at);
        ++devices_;
        return {};
    }

    SlotRecords finish() && {
        std::string key = hub::checkpoint_key(slot_);
        body_.clear();
        append_varint(body_, sequence_);
        records_.facts.add(
            key, store::sealed(store::Kind::checkpoint, hub::checkpoint_format, key, body_));
        key = hub::counts_key(slot_);
        body_.clear();
        hub::append_encoded(body_, hub::Counts{.enabled = devices_});
        records_.facts.add(
            key, store::sealed(store::Kind::hub_state, hub::hub_state_format, key, body_));
        return std::move(records_);
    }

private:
    void add_change(const TwinId& id, hub::ChangeRecord record) {
        record.id = id;
        ++record.ordinal;
        std::string key = store::change_key(slot_, ++sequence_);
        body_.clear();
        hub::append_encoded(body_, record);
        std::string value =
            store::sealed(store::Kind::change, hub::change_record_format, key, body_);
        records_.changes.add(std::move(key), std::move(value));
    }

    void add_presence(std::string_view twin_key, Instant seen) {
        hub::Presence presence;
        presence.connection_state_updated = seen;
        presence.last_activity = seen;
        std::string key = store::metadata_key(store::Area::presence, twin_key);
        body_.clear();
        hub::append_encoded(body_, presence);
        std::string value =
            store::sealed(store::Kind::hub_state, hub::hub_state_format, key, body_);
        records_.presences.add(std::move(key), std::move(value));
    }

    Slot slot_;
    Instant created_;
    Random& random_;
    const twin::drift::Policy policy_;  // a hub's without settings
    const hub::DriftJudge judge_{policy_};
    SlotRecords records_;
    std::string body_;
    std::uint64_t sequence_ = 0;
    std::uint64_t devices_ = 0;
};

}  // namespace

Result<SlotRecords> slot_records(Slot slot, const std::vector<std::uint64_t>& numbers,
                                 Instant created, Random& random) {
    SlotWriter writer(slot, created, random);
    for (const std::uint64_t number : numbers) TRY_VOID(writer.add(number));
    return std::move(writer).finish();
}

}  // namespace twinhub::fill

#include "hub/history/change_log.h"

#include "base/bytes.h"
#include "hub/slot_facts.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr std::size_t sequence_bytes = 8;

Result<std::optional<std::string>> fact(const store::Snapshot& snapshot, const std::string& key,
                                        store::Kind kind, std::uint16_t format) {
    TRY(const std::optional<std::string> value, snapshot.get(Family::metadata, key));
    if (!value) return std::optional<std::string>{};
    TRY(const store::Opened opened, store::open(kind, format, "metadata", key, *value));
    return std::optional<std::string>(opened.body);
}

}  // namespace

Result<ChangeRecord> open_change(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::change, change_record_format, "changes", key, value));
    auto record = decode_change_record(opened.body);
    if (!record)
        return failure(record.error().code, record.error().message,
                       "changes/" + store::printable(key));
    return record;
}

std::string ended_key(const TwinId& id, std::uint64_t sequence) {
    std::string key = store::metadata_key(store::Area::ended, store::twin_key(id));
    for (std::size_t i = sequence_bytes; i-- > 0;)
        key.push_back(static_cast<char>((sequence >> (8 * i)) & 0xff));
    return key;
}

Result<Instant> forgotten_before(const store::Snapshot& snapshot, Slot slot) {
    const std::string key = forgotten_key(slot);
    TRY(const std::optional<std::string> body,
        fact(snapshot, key, store::Kind::hub_state, hub_state_format));
    if (!body) return never;
    ByteReader reader(*body);
    const Instant before{Ticks{reader.signed_number()}};
    if (reader.failed())
        return failure(Code::corrupted, "What history has forgotten cannot be read",
                       "metadata/" + store::printable(key));
    return before;
}

ChangeLog::ChangeLog(std::shared_ptr<const store::Snapshot> snapshot, TwinId id)
    : snapshot_(std::move(snapshot)), id_(std::move(id)), slot_(slot_of(id_.device)) {}

Result<Instant> ChangeLog::forgotten_before() const {
    return hub::forgotten_before(*snapshot_, slot_);
}

Result<ChangeLog::Present> ChangeLog::present() const {
    Present present;
    const std::string key = store::twin_key(id_);
    TRY(const std::optional<std::string> identity, snapshot_->get(Family::identities, key));
    TRY(const std::optional<std::string> document, snapshot_->get(Family::twins, key));
    if (!identity || !document) return present;
    TRY(const store::Opened named,
        store::open(store::Kind::identity, identity_format, "identities", key, *identity));
    TRY(const Identity known, decode_identity(named.body));
    TRY(const store::Opened opened,
        store::open(store::Kind::twin, twin_record_format, "twins", key, *document));
    State state;
    TRY_VOID(decode_twin_record(opened.body, state));

    // Documents are written late, and those up to the watermark are whole: only what is behind it
    // can be missing.
    std::uint64_t held = state.sequence;
    TRY(const std::optional<std::string> watermark,
        fact(*snapshot_, checkpoint_key(slot_), store::Kind::checkpoint, checkpoint_format));
    if (watermark) held = std::max(held, ByteReader(*watermark).varint());
    const auto cursor =
        snapshot_->scan(Family::changes, store::changes_range(slot_, held + 1, ~std::uint64_t{0}));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        TRY(const ChangeRecord record, open_change(cursor->key(), cursor->value()));
        if (record.id != id_) continue;
        if (record.kind == ChangeKind::twin) {
            TRY(state.twin, twin::redo(state.twin, record.change));
        } else if (record.kind == ChangeKind::model) {
            state.twin.model_id = record.detail.substr(record.detail.find('\0') + 1);
        }
        const auto at = store::parse_change_key(cursor->key());
        if (!at)
            return failure(Code::corrupted, "A change has a damaged key",
                           "changes/" + store::printable(cursor->key()));
        state.sequence = at->sequence;
    }
    TRY_VOID(cursor->status());
    present.state = {true, std::move(state.twin)};
    present.created = known.created;
    present.sequence = state.sequence;
    return present;
}

Result<std::optional<KeptChange>> ChangeLog::read(std::uint64_t sequence) const {
    const std::string key = store::change_key(slot_, sequence);
    TRY(const std::optional<std::string> value, snapshot_->get(Family::changes, key));
    if (!value) return std::optional<KeptChange>{};
    TRY(ChangeRecord record, open_change(key, *value));
    if (record.id != id_)
        return failure(Code::argument_invalid,
                       "Change " + std::to_string(sequence) + " is not one of '" + id_.text() + "'",
                       "before");
    return std::optional<KeptChange>({sequence, std::move(record), value->size()});
}

Result<std::optional<std::uint64_t>> ChangeLog::deletion_before(std::uint64_t sequence) const {
    const auto cursor = snapshot_->scan(
        Family::metadata, store::Range{.from = ended_key(id_, 0), .to = ended_key(id_, sequence)});
    cursor->seek_last();
    if (!cursor->valid()) {
        TRY_VOID(cursor->status());
        return std::optional<std::uint64_t>{};
    }
    std::uint64_t found = 0;
    const std::string_view key = cursor->key();
    for (const char c : key.substr(key.size() - sequence_bytes))
        found = (found << 8) | static_cast<unsigned char>(c);
    return std::optional<std::uint64_t>(found);
}

}  // namespace twinhub::hub

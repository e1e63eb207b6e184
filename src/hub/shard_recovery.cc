// What a shard does at start: finds its place in the log and brings documents up to it.
#include "base/bytes.h"
#include "hub/configurations/shard_configurations.h"
#include "hub/shard.h"
#include "hub/slot_facts.h"
#include "hub/stored_twin.h"

namespace twinhub::hub {

using store::Family;

namespace {

// What the columns need of a twin's records, read whole before they hear of any of it. Kept from
// one twin to the next for its memory.
struct Stored {
    Identity identity;
    twin::FlatTwin twin;
    Presence presence;
    std::optional<Drift> drift;
    std::string_view record;  // of the twin

    Result<> read(const TwinId& id, const StoredTwin& records, const Settings& settings) {
        TRY(const TwinBodies bodies, open_records(records));
        TRY_VOID(decode_identity_of(id, *bodies.identity, identity));
        TRY_VOID(decode_flat_record(*bodies.twin, twin, drift));
        record = *bodies.twin;
        presence = {};
        if (bodies.presence) {
            TRY(presence, presence_at_start(*bodies.presence, settings.session_age));
        }
        return {};
    }
};

}  // namespace

Result<> Shard::recover(StartProgress& progress) {
    for (std::uint32_t slot = index_; slot < slot_count; slot += count_) {
        // The messages and configurations first: a twin shows them.
        TRY_VOID(messages_.recover(static_cast<Slot>(slot)));
        TRY_VOID(configurations_->recover(static_cast<Slot>(slot)));
        TRY_VOID(feedback_.recover(static_cast<Slot>(slot), parts_.engine));
        TRY_VOID(recover_slot(static_cast<Slot>(slot)));
    }
    progress.twins += counts_.twins();
    columns_.begin_load(counts_.enabled + counts_.disabled, counts_.modules);
    for (std::uint32_t slot = index_; slot < slot_count; slot += count_) {
        TRY_VOID(load_columns(static_cast<Slot>(slot)));
        if (const auto counts = slot_counts_.find(static_cast<Slot>(slot));
            counts != slot_counts_.end())
            progress.read += counts->second.twins();
    }
    columns_.end_load();
    return {};
}

// The columns as the documents are, with what the log has changed since. The three families have
// the same keys in the same order, so each is read once from one end to the other.
Result<> Shard::load_columns(Slot slot) {
    const store::Range range = store::slot_range(slot);
    const store::Range seen{store::metadata_key(store::Area::presence, range.from),
                            store::metadata_key(store::Area::presence, range.to)};
    const auto snapshot = parts_.engine.snapshot();
    const auto identities = snapshot->scan(Family::identities, range);
    const auto twins = snapshot->scan(Family::twins, range);
    const auto presences = snapshot->scan(Family::metadata, seen);
    twins->seek_first();
    presences->seek_first();
    // `key` less what the cursor's keys have in front.
    const auto value_at = [](store::Cursor& cursor, std::size_t skip,
                             std::string_view key) -> std::optional<std::string_view> {
        while (cursor.valid() && cursor.key().substr(skip) < key) cursor.next();
        if (!cursor.valid() || cursor.key().substr(skip) != key) return std::nullopt;
        return cursor.value();
    };
    Stored stored;
    for (identities->seek_first(); identities->valid(); identities->next()) {
        const std::string_view key = identities->key();
        const auto id = store::parse_twin_key(key);
        if (!id)
            return failure(Code::corrupted, "An identity has a damaged key",
                           "identities/" + store::printable(key));
        if (const EntryPtr entry = find(*id)) {
            if (entry->durable.exists())
                columns_.load(*entry->durable.identity, entry->durable.twin, entry->presence,
                              drift_.at_start(*id, entry->durable, entry->presence));
            continue;
        }
        const Result<> read = stored.read(*id,
                                          {.key = key,
                                           .identity = identities->value(),
                                           .twin = value_at(*twins, 0, key),
                                           .presence = value_at(*presences, 1, key)},
                                          parts_.settings);
        // A damaged record is named when somebody asks for it; it must not keep the others away.
        if (!read) {
            tell_damage(*id, read.error());
            continue;
        }
        stored.presence.messages = messages_.count(*id);
        stored.presence.configurations = configurations_->shown(*id);
        // Of one that waits for nothing the trees are not needed.
        if (stored.drift && drift_judge_.is_current(*stored.drift) &&
            stored.drift->standing.base() <= twin::drift::State::converged) {
            columns_.load(stored.identity, stored.twin, stored.presence,
                          drift_.at_start(*id, *stored.drift));
            continue;
        }
        State state;
        TRY_VOID(decode_twin_record(stored.record, state));
        columns_.load(stored.identity, stored.twin, stored.presence,
                      drift_.at_start(*id, state, stored.presence));
    }
    TRY_VOID(identities->status());
    TRY_VOID(twins->status());
    return presences->status();
}

Result<> Shard::recover_slot(Slot slot) {
    const auto fact = [&](const std::string& key, store::Kind kind,
                          std::uint16_t format) -> Result<std::optional<std::string>> {
        TRY(const std::optional<std::string> value, parts_.engine.get(Family::metadata, key));
        if (!value) return std::optional<std::string>{};
        TRY(const store::Opened opened, store::open(kind, format, "metadata", key, *value));
        return std::optional<std::string>(opened.body);
    };
    TRY(const std::optional<std::string> counts,
        fact(counts_key(slot), store::Kind::hub_state, hub_state_format));
    if (counts) {
        const Counts ours = decode_counts(*counts);
        slot_counts_[slot] = durable_slot_counts_[slot] = ours;
        counts_.enabled += ours.enabled;
        counts_.disabled += ours.disabled;
        counts_.modules += ours.modules;
        parts_.identities.fetch_add(ours.twins(), std::memory_order_relaxed);
    }
    std::uint64_t last = 0;
    TRY(const std::optional<std::string> checkpoint,
        fact(checkpoint_key(slot), store::Kind::checkpoint, checkpoint_format));
    if (checkpoint) {
        ByteReader reader(*checkpoint);
        last = reader.varint();
        checkpointed_[slot] = last;
    }
    const auto cursor = parts_.engine.scan(Family::changes,
                                           store::changes_range(slot, last + 1, ~std::uint64_t{0}));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto key = store::parse_change_key(cursor->key());
        if (!key)
            return failure(Code::corrupted, "A change has a damaged key",
                           "changes/" + store::printable(cursor->key()));
        TRY(const store::Opened opened, store::open(store::Kind::change, change_record_format,
                                                    "changes", cursor->key(), cursor->value()));
        auto record = decode_change_record(opened.body);
        if (!record)
            return failure(record.error().code, record.error().message,
                           "changes/" + store::printable(cursor->key()));
        TRY_VOID(replay(*record, key->sequence));
        last = key->sequence;
    }
    TRY_VOID(cursor->status());
    if (last != 0) last_sequence_[slot] = durable_sequence_[slot] = last;
    return {};
}

Result<> Shard::replay(const ChangeRecord& record, std::uint64_t sequence) {
    // Creation writes the document whole, and what was deleted since has none.
    if (record.kind == ChangeKind::created || record.kind == ChangeKind::deleted) return {};
    EntryPtr entry = find(record.id);
    if (!entry) {
        TRY(Loaded loaded, load_from_disk(record.id, Depth::twin));
        entry = adopt(record.id, std::move(loaded));
    }
    State& state = entry->durable;
    if (!state.exists() || state.sequence >= sequence) return {};
    if (record.kind == ChangeKind::twin) {
        const State before = state;
        auto next = twin::redo(state.twin, record.change);
        if (!next)
            return failure(next.error().code,
                           "The change log of '" + record.id.text() +
                               "' does not continue its document: " + next.error().message,
                           "changes/" + store::printable(store::change_key(
                                            slot_of(record.id.device), sequence)));
        state.twin = std::move(*next);
        state.drift = drift_judge_.next(record.id, before, state.twin, record.change);
    } else if (record.kind == ChangeKind::model) {
        state.twin.model_id = record.detail.substr(record.detail.find('\0') + 1);
    }
    state.sequence = sequence;
    state.ordinal = record.ordinal;
    entry->newest = state;
    if (entry->changed_since == 0) mark_changed(entry, sequence);
    return {};
}

}  // namespace twinhub::hub

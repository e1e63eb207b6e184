#include "hub/as_of/past_slot.h"

#include "base/bytes.h"
#include "hub/history/change_log.h"
#include "hub/history/past_twin.h"
#include "hub/record.h"
#include "hub/slot_facts.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr std::uint64_t whole = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t charge_every = 256;  // changes

// One twin on its way back.
struct Going {
    PastTwin state;
    std::shared_ptr<const Identity> identity;
    std::uint64_t holds = 0;     // up to which sequence `state` had all changes when it was read
    std::uint64_t previous = 0;  // the change before those seen
};

// Ids in the order of their keys: of one slot that is device, then module, as bytes.
struct KeyOrder {
    bool operator()(const TwinId& a, const TwinId& b) const {
        return std::pair(a.device.text(), a.module.text()) <
               std::pair(b.device.text(), b.module.text());
    }
};
using AllGoing = std::map<TwinId, Going, KeyOrder>;

Result<std::uint64_t> sequence_of(std::string_view key) {
    const auto at = store::parse_change_key(key);
    if (!at)
        return failure(Code::corrupted, "A change has a damaged key",
                       "changes/" + store::printable(key));
    return at->sequence;
}

Result<Going> read_stored(const store::Snapshot& snapshot, const TwinId& id) {
    Going found;
    const std::string key = store::twin_key(id);
    TRY(const std::optional<std::string> identity, snapshot.get(Family::identities, key));
    TRY(const std::optional<std::string> document, snapshot.get(Family::twins, key));
    if (!identity || !document) return found;
    TRY(const store::Opened named,
        store::open(store::Kind::identity, identity_format, "identities", key, *identity));
    TRY(Identity known, decode_identity(named.body));
    TRY(const store::Opened opened,
        store::open(store::Kind::twin, twin_record_format, "twins", key, *document));
    State state;
    TRY_VOID(decode_twin_record(opened.body, state));
    found.identity = std::make_shared<const Identity>(std::move(known));
    found.state = {true, std::move(state.twin)};
    found.holds = state.sequence;
    return found;
}

Result<> redo(twin::Twin& twin, const ChangeRecord& change) {
    if (change.kind == ChangeKind::twin) {
        TRY(twin, twin::redo(twin, change.change));
    } else if (change.kind == ChangeKind::model) {
        twin.model_id = change.detail.substr(change.detail.find('\0') + 1);
    }
    return {};
}

// One change back. Documents are written late: what one lacks needs not to be undone.
Result<> step_back(Going& going, std::uint64_t sequence, const ChangeRecord& change) {
    going.previous = change.previous;
    if (change.kind == ChangeKind::identity || change.kind == ChangeKind::deleted) {
        if (!change.identity_before)
            return failure(Code::history_unavailable,
                           "What the registry knew of '" + change.id.text() + "' before " +
                               format_instant(change.at) + " was not kept by an older release");
        going.identity = change.identity_before;
    }
    const bool in_document = change.kind == ChangeKind::deleted ||
                             change.kind == ChangeKind::created || sequence <= going.holds;
    if (in_document) TRY_VOID(take_back(going.state, change));
    if (change.kind == ChangeKind::deleted) going.holds = whole;
    if (change.kind == ChangeKind::created) going.identity = nullptr;
    return {};
}

// What the document lacks of the changes that stay.
Result<> catch_up(const store::Snapshot& snapshot, Slot slot, Going& going) {
    std::vector<ChangeRecord> lacking;
    for (std::uint64_t at = going.previous; at > going.holds;) {
        const std::string key = store::change_key(slot, at);
        TRY(const std::optional<std::string> value, snapshot.get(Family::changes, key));
        if (!value)
            return failure(Code::corrupted, "A change that no document holds is missing",
                           "changes/" + store::printable(key));
        TRY(ChangeRecord record, open_change(key, *value));
        at = record.previous;
        lacking.push_back(std::move(record));
    }
    for (auto change = lacking.rbegin(); change != lacking.rend(); ++change)
        TRY_VOID(redo(going.state.twin, *change));
    return {};
}

// From the newest change of a slot to older ones.
class WayBack {
public:
    WayBack(const store::Snapshot& snapshot, Slot slot, PastBudget& budget)
        : snapshot_(snapshot),
          slot_(slot),
          budget_(budget),
          cursor_(snapshot.scan(Family::changes, store::slot_range(slot))) {}

    void begin() { cursor_->seek_last(); }
    bool has_change() const { return cursor_->valid(); }
    void next() { cursor_->previous(); }
    Result<std::uint64_t> sequence() const { return sequence_of(cursor_->key()); }
    Result<ChangeRecord> change() const { return open_change(cursor_->key(), cursor_->value()); }

    // Counts the twin of this change as changed; undoes it if that is asked.
    Result<> take(std::uint64_t sequence, const ChangeRecord& change, bool undoing) {
        auto known = all_.find(change.id);
        if (known == all_.end()) {
            TRY(Going stored, read_stored(snapshot_, change.id));
            stored.previous = sequence;
            known = all_.emplace(change.id, std::move(stored)).first;
            ++twins_;
        }
        if (undoing) TRY_VOID(step_back(known->second, sequence, change));
        if (++changes_ % charge_every != 0) return {};
        return budget_.charge(std::exchange(twins_, 0), charge_every);
    }

    Result<PastSlot> end() {
        TRY_VOID(cursor_->status());
        TRY_VOID(budget_.charge(twins_, changes_ % charge_every));
        PastSlot past;
        for (auto& [id, going] : all_) {
            past.changed.push_back(id);
            if (!going.state.exists) continue;
            TRY_VOID(catch_up(snapshot_, slot_, going));
            past.rows.push_back({id, std::move(going.identity), std::move(going.state.twin)});
        }
        return past;
    }

private:
    const store::Snapshot& snapshot_;
    Slot slot_;
    PastBudget& budget_;
    std::unique_ptr<store::Cursor> cursor_;
    AllGoing all_;
    std::uint64_t twins_ = 0;  // not charged yet
    std::uint64_t changes_ = 0;
};

}  // namespace

Result<> PastBudget::charge(std::uint64_t more_twins, std::uint64_t more_changes) {
    const std::uint64_t all_twins =
        twins.fetch_add(more_twins, std::memory_order_relaxed) + more_twins;
    const std::uint64_t all_changes =
        changes.fetch_add(more_changes, std::memory_order_relaxed) + more_changes;
    if (all_twins > twins_max)
        return failure(Code::unavailable, "More than " + std::to_string(twins_max) +
                                              " twins have changed since that moment: ask for a "
                                              "later one, or raise query.as_of_twins");
    if (all_changes > changes_max)
        return failure(Code::unavailable, "More than " + std::to_string(changes_max) +
                                              " changes are younger than that moment: ask for a "
                                              "later one, or raise query.as_of_changes");
    return {};
}

Result<PastSlot> past_of_slot(const store::Snapshot& snapshot, Slot slot, Instant at,
                              std::uint64_t shown, PastBudget& budget) {
    TRY(const Instant forgotten, forgotten_before(snapshot, slot));
    if (at < forgotten)
        return failure(Code::history_unavailable,
                       "The history of all twins is kept since " + format_instant(forgotten));
    WayBack back(snapshot, slot, budget);
    bool younger = true;
    for (back.begin(); back.has_change(); back.next()) {
        TRY(const std::uint64_t sequence, back.sequence());
        TRY(const ChangeRecord change, back.change());
        younger = younger && change.at > at;
        if (!younger && sequence <= shown) break;
        TRY_VOID(back.take(sequence, change, younger));
    }
    return back.end();
}

Result<std::optional<PastSlot>> more_past_of_slot(const store::Snapshot& snapshot, Slot slot,
                                                  Instant at, std::uint64_t through,
                                                  const std::unordered_set<TwinId>& known,
                                                  PastBudget& budget) {
    WayBack back(snapshot, slot, budget);
    std::vector<TwinId> again;
    for (back.begin(); back.has_change(); back.next()) {
        TRY(const std::uint64_t sequence, back.sequence());
        if (sequence <= through) break;
        TRY(ChangeRecord change, back.change());
        if (change.at <= at) return std::optional<PastSlot>();
        if (known.contains(change.id)) again.push_back(std::move(change.id));
        else TRY_VOID(back.take(sequence, change, true));
    }
    TRY(PastSlot more, back.end());
    more.changed.insert(more.changed.end(), again.begin(), again.end());
    return more;
}

Result<std::vector<PastRow>> present_of_slot(const store::Snapshot& snapshot, Slot slot,
                                             std::span<const TwinId> ids) {
    AllGoing all;
    for (const TwinId& id : ids) {
        TRY(Going stored, read_stored(snapshot, id));
        if (stored.state.exists) all.emplace(id, std::move(stored));
    }
    std::uint64_t from = 0;
    const std::string key = checkpoint_key(slot);
    TRY(const std::optional<std::string> mark, snapshot.get(Family::metadata, key));
    if (mark) {
        TRY(const store::Opened opened,
            store::open(store::Kind::checkpoint, checkpoint_format, "metadata", key, *mark));
        from = ByteReader(opened.body).varint();
    }
    const auto cursor =
        snapshot.scan(Family::changes, store::changes_range(slot, from + 1, ~std::uint64_t{0}));
    for (cursor->seek_first(); cursor->valid() && !all.empty(); cursor->next()) {
        TRY(const std::uint64_t sequence, sequence_of(cursor->key()));
        TRY(const ChangeRecord change, open_change(cursor->key(), cursor->value()));
        const auto known = all.find(change.id);
        if (known == all.end() || sequence <= known->second.holds) continue;
        TRY_VOID(redo(known->second.state.twin, change));
    }
    TRY_VOID(cursor->status());
    std::vector<PastRow> rows;
    for (auto& [id, going] : all)
        rows.push_back({id, std::move(going.identity), std::move(going.state.twin)});
    return rows;
}

Result<Instant> oldest_moment(const store::Snapshot& snapshot) {
    Instant oldest = never;
    for (std::uint32_t slot = 0; slot < slot_count; ++slot) {
        TRY(const Instant forgotten, forgotten_before(snapshot, static_cast<Slot>(slot)));
        oldest = std::max(oldest, forgotten);
    }
    return oldest;
}

}  // namespace twinhub::hub

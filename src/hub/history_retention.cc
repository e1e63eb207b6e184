#include "hub/history_retention.h"

#include "hub/history/change_log.h"
#include "hub/record.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>
#include <unordered_map>

namespace twinhub::hub {
namespace {

constexpr std::size_t changes_looked_at_max = 2000;

// What tells whose change is old.
struct Life {
    Instant created = never;  // of the identity; changes before it belong to one that was deleted
    std::uint64_t ordinal =
        0;  // of the newest change that the stored document holds; 0: it is gone
};

// A document may lag behind the log, which only keeps more.
Result<Life> stored_life(const store::Snapshot& snapshot, const TwinId& id) {
    const std::string key = store::twin_key(id);
    TRY(const std::optional<std::string> twin, snapshot.get(store::Family::twins, key));
    TRY(const std::optional<std::string> identity, snapshot.get(store::Family::identities, key));
    if (!twin || !identity) return Life{};
    TRY(const store::Opened opened,
        store::open(store::Kind::twin, twin_record_format, "twins", key, *twin));
    State state;
    TRY_VOID(decode_twin_record(opened.body, state));
    TRY(const store::Opened named,
        store::open(store::Kind::identity, identity_format, "identities", key, *identity));
    TRY(const Identity decoded, decode_identity(named.body));
    return Life{decoded.created, state.ordinal};
}

}  // namespace

Result<Expired> find_expired(const store::Engine& engine, const RetentionJob& job) {
    Expired result;
    const auto snapshot = engine.snapshot();
    TRY(result.forgotten_before, forgotten_before(*snapshot, job.slot));
    const auto cursor =
        snapshot->scan(store::Family::changes, store::changes_range(job.slot, job.from, job.last));
    std::unordered_map<TwinId, Life> lives;
    std::size_t looked = 0;
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto key = store::parse_change_key(cursor->key());
        if (!key)
            return failure(Code::corrupted, "A change has a damaged key",
                           "changes/" + store::printable(cursor->key()));
        if (++looked > changes_looked_at_max) {
            result.next = key->sequence;
            return result;
        }
        TRY(const store::Opened opened, store::open(store::Kind::change, change_record_format,
                                                    "changes", cursor->key(), cursor->value()));
        TRY(const ChangeRecord record, decode_change_record(opened.body));
        // Changes of a slot are in the order of time: the rest is younger.
        if (record.at >= job.older_than) return result;
        auto life = lives.find(record.id);
        if (life == lives.end()) {
            TRY(Life stored, stored_life(*snapshot, record.id));
            life = lives.emplace(record.id, stored).first;
        }
        const auto& [created, ordinal] = life->second;
        const bool gone = ordinal == 0 || record.at < created;
        if (!gone && record.ordinal + job.keep_newest > ordinal) continue;
        result.expired.push_back(key->sequence);
        result.forgotten_before = std::max(result.forgotten_before, record.at + Ticks{1});
        if (record.kind == ChangeKind::deleted)
            result.ended.push_back(ended_key(record.id, key->sequence));
    }
    TRY_VOID(cursor->status());
    return result;
}

}  // namespace twinhub::hub

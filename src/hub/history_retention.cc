#include "hub/history_retention.h"

#include "hub/record.h"
#include "store/keys.h"
#include "store/record.h"

#include <unordered_map>

namespace twinhub::hub {
namespace {

constexpr std::size_t changes_looked_at_max = 2000;

// The ordinal of the newest change that the stored document holds; 0 when the twin is gone. A
// document may lag behind the log, which only keeps more.
Result<std::uint64_t> stored_ordinal(const store::Snapshot& snapshot, const TwinId& id) {
    const std::string key = store::twin_key(id);
    TRY(const std::optional<std::string> value, snapshot.get(store::Family::twins, key));
    if (!value) return std::uint64_t{0};
    TRY(const store::Opened opened, store::open(store::Kind::twin, twin_record_format, "twins", key, *value));
    State state;
    TRY_VOID(decode_twin_record(opened.body, state));
    return state.ordinal;
}

}  // namespace

Result<Expired> find_expired(const store::Engine& engine, const RetentionJob& job) {
    Expired result;
    const auto snapshot = engine.snapshot();
    const auto cursor = snapshot->scan(store::Family::changes, store::changes_range(job.slot, job.from, job.last));
    std::unordered_map<TwinId, std::uint64_t> ordinals;
    std::size_t looked = 0;
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto key = store::parse_change_key(cursor->key());
        if (!key) return failure(Code::corrupted, "A change has a damaged key", "changes/" + store::printable(cursor->key()));
        if (++looked > changes_looked_at_max) {
            result.next = key->sequence;
            return result;
        }
        TRY(const store::Opened opened,
            store::open(store::Kind::change, change_record_format, "changes", cursor->key(), cursor->value()));
        TRY(const ChangeRecord record, decode_change_record(opened.body));
        // Changes of a slot are in the order of time: the rest is younger.
        if (record.at >= job.older_than) return result;
        auto newest = ordinals.find(record.id);
        if (newest == ordinals.end()) {
            TRY(const std::uint64_t ordinal, stored_ordinal(*snapshot, record.id));
            newest = ordinals.emplace(record.id, ordinal).first;
        }
        const bool gone = newest->second == 0;
        if (gone || record.ordinal + job.keep_newest <= newest->second) result.expired.push_back(key->sequence);
    }
    TRY_VOID(cursor->status());
    return result;
}

}  // namespace twinhub::hub

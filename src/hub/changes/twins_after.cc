#include "hub/changes/twins_after.h"

#include "hub/history/change_walk.h"
#include "hub/history/past_twin.h"
#include "twin/codec.h"

namespace twinhub::hub {
namespace {

constexpr std::size_t twins_remembered_max = 1000;

using Twin = std::optional<twin::Twin>;

// What a creation or deletion itself tells of the twin.
Result<Twin> twin_told(const ChangeRecord& record) {
    if (!record.detail.empty()) {
        TRY(twin::Twin told, twin::decode_twin(record.detail));
        return Twin(std::move(told));
    }
    if (record.kind == ChangeKind::created) return Twin(twin::fresh(record.at));
    return Twin();  // a deletion of an older release: nobody knows
}

Result<Twin> step(const twin::Twin& before, const ChangeRecord& record) {
    if (record.kind == ChangeKind::twin) {
        TRY(twin::Twin after, twin::redo(before, record.change));
        return Twin(std::move(after));
    }
    twin::Twin after = before;
    if (record.kind == ChangeKind::model)
        after.model_id = record.detail.substr(record.detail.find('\0') + 1);
    return Twin(std::move(after));
}

// From the present back to the change.
Result<Twin> walk_back(const std::shared_ptr<const store::Snapshot>& snapshot,
                       const KeptChange& wanted, std::size_t& read) {
    const ChangeLog log(snapshot, wanted.record.id);
    TRY(const ChangeLog::Present present, log.present());
    PastTwin now = present.state;
    ChangeWalk walk(log, present);
    while (true) {
        TRY(const std::optional<KeptChange> change, walk.next());
        ++read;
        if (!change || change->sequence < wanted.sequence)
            return failure(Code::corrupted, "The changes of '" + wanted.record.id.text() +
                                                "' do not lead to all that are kept");
        if (change->sequence == wanted.sequence) return Twin(std::move(now.twin));
        const Result<> back = take_back(now, change->record);
        if (!back && back.error().code == Code::history_unavailable) return Twin();
        TRY_VOID(back);
    }
}

}  // namespace

Result<Twin> TwinsAfter::make(const std::shared_ptr<const store::Snapshot>& snapshot,
                              const KeptChange& change) {
    const ChangeRecord& record = change.record;
    if (record.kind == ChangeKind::created || record.kind == ChangeKind::deleted)
        return twin_told(record);
    if (const auto found = known_.find(record.id); found != known_.end()) {
        const Known& known = found->second;
        if (known.exists && record.previous == known.change.sequence)
            return step(known.after, record);
        if (known.change.record.previous == change.sequence) {
            PastTwin now{known.exists, known.after};
            if (take_back(now, known.change.record)) return Twin(std::move(now.twin));
        }
    }
    return walk_back(snapshot, change, read_);
}

void TwinsAfter::remember(const KeptChange& change, const twin::Twin& after) {
    const TwinId& id = change.record.id;
    if (const auto found = known_.find(id); found != known_.end()) {
        used_.splice(used_.begin(), used_, found->second.use);
    } else {
        if (known_.size() >= twins_remembered_max) {
            known_.erase(used_.back());
            used_.pop_back();
        }
        used_.push_front(id);
    }
    known_.insert_or_assign(
        id, Known{change, after, change.record.kind != ChangeKind::deleted, used_.begin()});
}

Result<Twin> TwinsAfter::after(const std::shared_ptr<const store::Snapshot>& snapshot,
                               const KeptChange& change) {
    TRY(Twin after, make(snapshot, change));
    if (after) remember(change, *after);
    return after;
}

}  // namespace twinhub::hub

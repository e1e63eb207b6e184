#include "hub/history/change_walk.h"

namespace twinhub::hub {

ChangeWalk::ChangeWalk(const ChangeLog& log, const ChangeLog::Present& present)
    : log_(&log), next_(present.sequence), ended_(present.state.exists && present.sequence == 0) {}

Result<ChangeWalk> ChangeWalk::before(const ChangeLog& log, std::uint64_t sequence) {
    TRY(const std::optional<KeptChange> change, log.read(sequence));
    ChangeWalk walk(log);
    if (change) walk.step_over(*change);
    else walk.ended_ = walk.cut_off_ = true;
    return walk;
}

void ChangeWalk::step_over(const KeptChange& change) {
    bound_ = change.sequence;
    next_ = change.record.previous;
    // What was not created by a change has none before its first.
    ended_ = change.record.kind != ChangeKind::created && next_ == 0;
}

Result<std::optional<KeptChange>> ChangeWalk::next() {
    if (ended_) return std::optional<KeptChange>{};
    if (next_ == 0) {
        TRY(const std::optional<std::uint64_t> deletion, log_->deletion_before(bound_));
        ended_ = !deletion;
        if (ended_) return std::optional<KeptChange>{};
        next_ = *deletion;
    }
    TRY(std::optional<KeptChange> change, log_->read(next_));
    if (change) step_over(*change);
    else ended_ = cut_off_ = true;
    return change;
}

}  // namespace twinhub::hub

#include "hub/changes/twin_condition.h"

#include "base/json.h"
#include "hub/history/change_walk.h"
#include "hub/history/past_twin.h"
#include "hub/history/twin_then.h"
#include "query/compile.h"
#include "query/document_row.h"
#include "query/evaluate.h"
#include "query/narrow.h"
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

}  // namespace

Result<std::shared_ptr<TwinCondition>> TwinCondition::compile(std::string_view where) {
    auto plan = query::compile("SELECT * FROM devices");
    CHECK(plan.has_value());
    auto condition = query::compile_condition(where, query::Place::job);
    if (!condition) return failure(Code::argument_invalid, condition.error().message, "where");
    if (condition->collection != plan->collection)
        return failure(Code::argument_invalid, "The condition must be about devices", "where");
    query::narrow(*plan, *condition);
    return std::shared_ptr<TwinCondition>(new TwinCondition(std::move(*plan)));
}

Result<Twin> TwinCondition::walk_back(const std::shared_ptr<const store::Snapshot>& snapshot,
                                      const KeptChange& wanted) {
    const ChangeLog log(snapshot, wanted.record.id);
    TRY(const ChangeLog::Present present, log.present());
    PastTwin now = present.state;
    ChangeWalk walk(log, present);
    while (true) {
        TRY(const std::optional<KeptChange> change, walk.next());
        ++read_;
        if (!change || change->sequence < wanted.sequence)
            return failure(Code::corrupted, "The changes of '" + wanted.record.id.text() +
                                                "' do not lead to all that are kept");
        if (change->sequence == wanted.sequence) return Twin(std::move(now.twin));
        const Result<> back = take_back(now, change->record);
        if (!back && back.error().code == Code::history_unavailable) return Twin();
        TRY_VOID(back);
    }
}

Result<Twin> TwinCondition::twin_after(const std::shared_ptr<const store::Snapshot>& snapshot,
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
    return walk_back(snapshot, change);
}

void TwinCondition::remember(const KeptChange& change, const twin::Twin& after) {
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

Result<bool> TwinCondition::holds(const std::shared_ptr<const store::Snapshot>& snapshot,
                                  const KeptChange& change) {
    TRY(const Twin after, twin_after(snapshot, change));
    if (!after) return false;
    remember(change, *after);
    std::string text;
    append_twin_then(text, change.record.id, *after);
    TRY(const json::value document, parse_json(text));
    query::Evaluator evaluator(plan_, change.record.at);
    query::DocumentRow row(plan_, document.as_object());
    return evaluator.passes(row);
}

}  // namespace twinhub::hub

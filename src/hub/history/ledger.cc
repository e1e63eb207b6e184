#include "hub/history/ledger.h"

#include "hub/drift/drift.h"
#include "hub/history/change_walk.h"
#include "twin/change_leaves.h"
#include "twin/drift/paths.h"
#include "twin/drift/verdict.h"

#include <map>
#include <ranges>

namespace twinhub::hub {
namespace {

using twin::drift::Judge;
using twin::drift::State;

// A change with the twin that it led to: trees are shared, so this is small.
struct Step {
    KeptChange change;
    twin::Twin after;
};

// From the newest back to the beginning of this life, or as far as it is kept.
Result<std::vector<Step>> steps_of(const ChangeLog& log, const LedgerBounds& bounds,
                                   bool& complete) {
    TRY(ChangeLog::Present present, log.present());
    if (!present.state.exists)
        return failure(log.id().is_module() ? Code::module_not_found : Code::device_not_found,
                       log.id().text());
    std::vector<Step> steps;
    ChangeWalk walk(log, present);
    PastTwin now = std::move(present.state);
    while (true) {
        TRY(std::optional<KeptChange> change, walk.next());
        if (!change) {
            complete = !walk.is_cut_off();
            return steps;
        }
        if (steps.size() >= bounds.changes_max)
            return failure(Code::history_unavailable,
                           "'" + log.id().text() + "' has more than " +
                               std::to_string(bounds.changes_max) +
                               " changes: ask for a later beginning",
                           "since");
        const bool first = change->record.kind == ChangeKind::created;
        const ChangeRecord record = change->record;
        steps.push_back({std::move(*change), now.twin});
        // What was set earlier than asked for is of no interest, but what it was then is.
        if (first || steps.back().change.record.at < bounds.since) return steps;
        TRY_VOID(take_back(now, record));
    }
}

std::optional<json::value> value_of(const json::value* value) {
    return value == nullptr ? std::nullopt : std::optional(*value);
}

class Writer {
public:
    Writer(const TwinId& id, std::string_view path, const twin::drift::Policy& policy,
           Ledger& ledger)
        : id_(id), path_(path), policy_(policy), ledger_(ledger) {}

    void take(const Step& step, Instant since) {
        const ChangeRecord& record = step.change.record;
        if (record.at >= since) {
            if (record.kind == ChangeKind::created) begin(step);
            else if (record.kind == ChangeKind::twin && record.change.desired) set(step);
        }
        if (record.kind == ChangeKind::created || record.kind == ChangeKind::twin) judge(step);
    }

private:
    void begin(const Step& step) {
        const Judge judge(step.after, policy_, is_edge_runtime(id_));
        for (const auto& property : judge.at(path_))
            if (property.desired != nullptr)
                open(step, property.path, std::nullopt, property.desired->to_json());
    }

    void set(const Step& step) {
        for (const twin::TouchedLeaf& leaf : twin::touched_leaves(step.change.record.change)) {
            if (leaf.part != twin::Part::desired) continue;
            if (!path_.empty() && !twin::drift::is_at_or_below(leaf.path, path_)) continue;
            open(step, leaf.path, value_of(leaf.before), value_of(leaf.after));
        }
    }

    void open(const Step& step, const std::string& path, std::optional<json::value> before,
              std::optional<json::value> after) {
        const auto [in_force, is_first] = in_force_.try_emplace(path, ledger_.entries.size());
        if (!is_first) ledger_.entries[in_force->second].superseded = true;
        in_force->second = ledger_.entries.size();
        LedgerEntry& entry = ledger_.entries.emplace_back();
        entry.id = id_;
        entry.path = path;
        entry.at = step.change.record.at;
        entry.version = step.after.versions.desired;
        entry.sequence = step.change.sequence;
        entry.author = step.change.record.author;
        entry.before = std::move(before);
        entry.after = std::move(after);
    }

    // What the change made of everything that is still in force.
    void judge(const Step& step) {
        const Judge judge(step.after, policy_, is_edge_runtime(id_));
        for (const auto& [path, index] : in_force_) {
            LedgerEntry& entry = ledger_.entries[index];
            const auto property = judge.property(path);
            if (!property) {
                entry.state.reset();
                continue;
            }
            const State state = property->verdict.state;
            if (entry.state != state) entry.state_since = step.change.record.at;
            entry.state = state;
            entry.code = property->verdict.code;
            entry.words = property->verdict.words;
            if (state == State::converged && !entry.effective) {
                entry.effective = step.change.record.at;
                entry.effective_version = step.after.versions.reported;
            }
        }
    }

    const TwinId& id_;
    std::string_view path_;
    const twin::drift::Policy& policy_;
    Ledger& ledger_;
    std::map<std::string, std::size_t, std::less<>> in_force_;  // by path: its newest setting
};

}  // namespace

Result<Ledger> ledger_of(const ChangeLog& log, std::string_view path,
                         const twin::drift::Policy& policy, const LedgerBounds& bounds) {
    Ledger ledger;
    TRY(const std::vector<Step> steps, steps_of(log, bounds, ledger.complete));
    Writer writer(log.id(), path, policy, ledger);
    for (const Step& step : std::views::reverse(steps)) writer.take(step, bounds.since);
    return ledger;
}

}  // namespace twinhub::hub

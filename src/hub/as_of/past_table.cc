#include "hub/as_of/past_table.h"

#include "hub/views.h"

namespace twinhub::hub {
namespace {

using twin::drift::State;

// How a twin stands by its documents alone, as columns show it. Refers to `drift`.
fleet::DriftRow drift_row(const Drift& drift, std::vector<fleet::DriftCell>& cells) {
    const twin::drift::Standing& standing = drift.standing;
    fleet::DriftFacts facts{.state = standing.base(),
                            .reason = standing.worst.reason,
                            .path = standing.worst.path,
                            .code = standing.worst.code,
                            .words = standing.worst.words};
    facts.counts[index_of(State::converged)] = standing.counts.converged;
    facts.counts[index_of(State::pending)] = standing.counts.pending;
    facts.counts[index_of(State::drifted)] = standing.counts.drifted;
    facts.counts[index_of(State::rejected)] = standing.counts.rejected;
    cells.clear();
    for (const twin::drift::Moved& moved : drift.moved)
        if (moved.is && *moved.is > State::converged) cells.push_back({moved.path, moved.is});
    return {facts, cells};
}

}  // namespace

PastTable::PastTable(std::vector<PastRow> rows, const DriftJudge* judge) : rows_(std::move(rows)) {
    std::vector<fleet::DriftCell> cells;
    table_.begin_load(static_cast<std::uint32_t>(rows_.size()));
    for (const PastRow& row : rows_) {
        std::string etag;
        const twin::IdentityFacts facts = facts_of(*row.identity, {}, etag);
        const DriftPtr drift = judge ? judge->first(row.id, row.twin) : nullptr;
        if (drift) {
            const fleet::DriftRow shown = drift_row(*drift, cells);
            table_.load(facts, row.twin, {}, &shown);
        } else {
            table_.load(facts, row.twin);
        }
    }
    table_.end_load();
    for (std::size_t i = 0; i < rows_.size(); ++i)
        places_.emplace(table_.find({rows_[i].id.device.text(), rows_[i].id.module.text()}).value(),
                        i);
}

json::object PastTable::document(fleet::Row row) const {
    const PastRow& kept = rows_[places_.at(row)];
    json::object made = document_of({kept.identity, kept.twin, {}});
    for (const auto& [key, value] : table_.pseudo(row)) made[key] = value;
    return made;
}

}  // namespace twinhub::hub

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

PastTable::PastTable(std::vector<PastRow> rows, const DriftJudge* judge)
    : judge_(judge), rows_(std::move(rows)) {
    table_.begin_load(static_cast<std::uint32_t>(rows_.size()));
    for (const PastRow& row : rows_) {
        std::string etag;
        const std::optional<fleet::DriftRow> drift = standing(row);
        table_.load(facts_of(*row.identity, {}, etag), row.twin, {}, drift ? &*drift : nullptr);
    }
    table_.end_load();
    for (std::size_t i = 0; i < rows_.size(); ++i)
        places_.emplace(table_.find({rows_[i].id.device.text(), rows_[i].id.module.text()}).value(),
                        i);
}

void PastTable::add(PastRow row) {
    std::string etag;
    const fleet::Row place = table_.put(facts_of(*row.identity, {}, etag), row.twin);
    if (const auto drift = standing(row)) table_.set_drift(place, *drift);
    places_.emplace(place, rows_.size());
    rows_.push_back(std::move(row));
}

// Good until the next one is asked for.
std::optional<fleet::DriftRow> PastTable::standing(const PastRow& row) {
    drift_ = judge_ == nullptr ? nullptr : judge_->first(row.id, row.twin);
    if (!drift_) return std::nullopt;
    return drift_row(*drift_, cells_);
}

json::object PastTable::document(fleet::Row row) const {
    const PastRow& kept = rows_[places_.at(row)];
    json::object made = document_of({kept.identity, kept.twin, {}});
    for (const auto& [key, value] : table_.pseudo(row)) made[key] = value;
    return made;
}

}  // namespace twinhub::hub

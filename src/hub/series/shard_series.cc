#include "hub/series/shard_series.h"

#include "fleet/scratch.h"
#include "fleet/table.h"
#include "hub/state.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

std::vector<query::Segment> segments_of(const SeriesPath& path) {
    std::vector<query::Segment> segments;
    if (path.part == SeriesPath::Part::tags) segments = {"tags"};
    else segments = {"properties", path.part == SeriesPath::Part::desired ? "desired" : "reported"};
    for (const std::string& key : path.keys) segments.emplace_back(key);
    return segments;
}

template <class Visit>
void each_row(const fleet::Table& devices, Visit visit) {
    for (fleet::Row row = 0; row < devices.row_count(); ++row)
        if (devices.is_live(row)) visit(row);
}

}  // namespace

void ShardSeries::each_value(const fleet::Table& devices, const SeriesPath& path,
                             const std::function<void(const query::Value&)>& visit) {
    const fleet::Column* column = devices.column(segments_of(path));
    if (column == nullptr) return;
    fleet::Scratch scratch;
    each_row(devices, [&](fleet::Row row) {
        if (column->has(row)) visit(column->value(row, scratch));
    });
}

void ShardSeries::fill(const fleet::Table& devices) {
    if (devices.row_count() != 0) room(devices.row_count() - 1);
    for (std::size_t i = 0; i < by_.size(); ++i) {
        const fleet::Column* column = devices.column(segments_of(names_.paths()[i]));
        if (column == nullptr) continue;
        fleet::Scratch scratch;
        each_row(devices, [&](fleet::Row row) {
            if (column->has(row))
                by_[i].groups[row] = names_.group_of(i, column->value(row, scratch));
        });
    }
    each_row(devices, [&](fleet::Row row) {
        const auto state = devices.drift_state(row).value_or(twin::drift::State::untracked);
        cells_[row] = {
            .live = true, .connected = false, .state = static_cast<std::uint8_t>(index_of(state))};
        add(row);
    });
}

bool ShardSeries::is_moved(const State& before, const State& next) const {
    if (!before.exists()) return true;
    return std::ranges::any_of(names_.paths(), [&](const SeriesPath& path) {
        return &path.root(before.twin).object() != &path.root(next.twin).object();
    });
}

void ShardSeries::room(fleet::Row row) {
    if (row < cells_.size()) return;
    cells_.resize(row + 1);
    for (By& by : by_) by.groups.resize(row + 1, SeriesNames::missing);
}

SeriesCounts& ShardSeries::counts_of(By& by, fleet::Row row) {
    const SeriesNames::Group group = by.groups[row];
    if (group >= by.counts.size()) by.counts.resize(group + std::size_t{1});
    return by.counts[group];
}

template <class Visit>
void ShardSeries::each(fleet::Row row, Visit visit) {
    visit(all_);
    for (By& by : by_) visit(counts_of(by, row));
}

void ShardSeries::add(fleet::Row row) {
    const Cell cell = cells_[row];
    each(row, [cell](SeriesCounts& counts) {
        ++counts.states[cell.state];
        if (cell.connected) ++counts.connected;
    });
}

void ShardSeries::subtract(fleet::Row row) {
    const Cell cell = cells_[row];
    each(row, [cell](SeriesCounts& counts) {
        --counts.states[cell.state];
        if (cell.connected) --counts.connected;
    });
}

void ShardSeries::place(fleet::Row row, const twin::Twin& twin) {
    room(row);
    Cell& cell = cells_[row];
    if (cell.live) subtract(row);
    else cell = {.live = true, .connected = false, .state = 0};
    for (std::size_t i = 0; i < by_.size(); ++i)
        by_[i].groups[row] = names_.group_of(i, names_.paths()[i].value(twin));
    add(row);
}

void ShardSeries::stand(fleet::Row row, twin::drift::State state) {
    if (row >= cells_.size() || !cells_[row].live || cells_[row].state == index_of(state)) return;
    subtract(row);
    cells_[row].state = static_cast<std::uint8_t>(index_of(state)) & 0xF;
    add(row);
}

void ShardSeries::connection(fleet::Row row, bool connected) {
    if (row >= cells_.size() || !cells_[row].live) return;
    if (connected) each(row, [](SeriesCounts& counts) { ++counts.connects; });
    if (cells_[row].connected == connected) return;
    subtract(row);
    cells_[row].connected = connected;
    add(row);
}

void ShardSeries::leave(fleet::Row row) {
    if (row >= cells_.size() || !cells_[row].live) return;
    subtract(row);
    cells_[row] = {};
}

ShardSeries::Tally ShardSeries::take() {
    Tally tally{.all = all_, .by = {}};
    all_.connects = 0;
    for (By& by : by_) {
        tally.by.push_back(by.counts);
        for (SeriesCounts& counts : by.counts) counts.connects = 0;
    }
    return tally;
}

}  // namespace twinhub::hub

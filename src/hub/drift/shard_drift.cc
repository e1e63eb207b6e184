#include "hub/drift/shard_drift.h"

#include "hub/series/shard_series.h"
#include "twin/drift/paths.h"

#include <algorithm>

namespace twinhub::hub {

using twin::drift::Connection;
using twin::drift::Moved;
using twin::drift::Standing;
using DriftState = twin::drift::State;

namespace {

constexpr std::size_t looks_max = 1000;  // at twins whose deadline has passed, in one turn

fleet::Key table_key(const TwinId& id) { return {id.device.text(), id.module.text()}; }

std::int64_t second_after(Instant instant) {
    return std::chrono::ceil<std::chrono::seconds>(instant.time_since_epoch()).count();
}

}  // namespace

Connection connection_of(const Presence& presence) {
    return {.connected = presence.connected,
            .since = presence.connection_state_updated,
            .seen = presence.last_activity};
}

ShardDrift::ShardDrift(Parts parts) : parts_(std::move(parts)) {}

ShardDrift::~ShardDrift() {
    // The gauges are of all shards.
    for (const DriftState state : twin::drift::states) {
        const std::size_t i = index_of(state);
        parts_.metrics.twins(state, -counts_.devices[i] - counts_.modules[i]);
        parts_.metrics.properties(state, -counts_.properties[i]);
    }
}

fleet::Table& ShardDrift::table_of(const TwinId& id) const {
    return parts_.columns.table(id.is_module() ? query::Collection::modules
                                               : query::Collection::devices);
}

std::optional<fleet::Row> ShardDrift::row_of(const TwinId& id) const {
    return table_of(id).find(table_key(id));
}

void ShardDrift::count_twin(const TwinId& id, DriftState state, std::int64_t by) {
    (id.is_module() ? counts_.modules : counts_.devices)[index_of(state)] += by;
    parts_.metrics.twins(state, by);
}

void ShardDrift::count_properties(DriftState state, std::int64_t by) {
    if (by == 0) return;
    counts_.properties[index_of(state)] += by;
    parts_.metrics.properties(state, by);
}

// What the documents alone say, as columns show it.
void ShardDrift::take_standing(const Drift& drift) {
    const Standing& standing = drift.standing;
    made_.cells.clear();
    made_.path = standing.worst.path;
    made_.words = standing.worst.words;
    fleet::DriftFacts& facts = made_.facts;
    facts = {.state = standing.base(),
             .since = standing.since,
             .reason = standing.worst.reason,
             .path = made_.path,
             .code = standing.worst.code,
             .words = made_.words};
    facts.counts[index_of(DriftState::converged)] = standing.counts.converged;
    facts.counts[index_of(DriftState::pending)] = standing.counts.pending;
    facts.counts[index_of(DriftState::drifted)] = standing.counts.drifted;
    facts.counts[index_of(DriftState::rejected)] = standing.counts.rejected;
    if (standing.converge_time)
        facts.converge_seconds = std::chrono::duration<double>(*standing.converge_time).count();
    for (const Moved& moved : drift.moved) {
        const bool shown = moved.is && *moved.is > DriftState::converged;
        made_.cells.emplace_back(moved.path, shown ? moved.is : std::nullopt);
    }
}

// Those that wait are offline without a connection, and some are stale after their deadline.
void ShardDrift::lay_over(const TwinId& id, const Drift& drift, const twin::Twin& twin,
                          const Presence& presence, std::uint64_t key) {
    take_standing(drift);
    fleet::DriftFacts& facts = made_.facts;
    const std::uint32_t waiting = drift.standing.counts.pending;
    if (waiting == 0) {
        due_.erase(key);
        stale_.erase(key);
        return;
    }
    const Connection connection = connection_of(presence);
    const bool knows_when = connection.since > never;
    if (!connection.connected) {
        due_.erase(key);
        facts.counts[index_of(DriftState::pending)] = 0;
        facts.counts[index_of(DriftState::offline)] = waiting;
        if (facts.state != DriftState::pending) return;
        facts.state = DriftState::offline;
        if (knows_when) facts.since = std::max(facts.since, connection.since);
        return;
    }
    if (facts.state == DriftState::pending && knows_when)
        facts.since = std::max(facts.since, connection.since);
    // No later than any of them; mostly exact.
    const Instant due = twin::drift::stale_at(*drift.standing.waiting_from,
                                              drift.standing.pending_timeout_min, connection);
    if (parts_.clock.now() <= due) wait_until(key, due);
    else judge_exactly(id, twin, connection, key);
}

void ShardDrift::judge_exactly(const TwinId& id, const twin::Twin& twin,
                               const Connection& connection, std::uint64_t key) {
    const twin::drift::Assessment made = twin::drift::assess(
        twin, parts_.judge.policy(), is_edge_runtime(id), connection, parts_.clock.now());
    fleet::DriftFacts& facts = made_.facts;
    facts.counts = made.counts;
    std::map<std::string, DriftState> places;
    std::optional<Instant> next;
    const twin::drift::Property* first = nullptr;
    for (const auto& property : made.properties) {
        if (property.state == DriftState::pending)
            next = next ? std::min(*next, property.stale_at) : property.stale_at;
        const bool is_stale = property.state == DriftState::stale;
        if (is_stale && (first == nullptr || property.stale_at < first->stale_at))
            first = &property;
        if (property.desired == nullptr) continue;
        const twin::drift::Keys keys = twin::drift::keys_of(property.path);
        for (std::size_t depth = 1; depth <= keys.size(); ++depth) {
            DriftState& state = places[std::string(twin::drift::above(keys, property.path, depth))];
            state = std::max(state, property.state);
        }
    }
    std::vector<std::string> stale;
    for (const auto& [path, state] : places) {
        if (state == DriftState::stale) stale.push_back(path);
        if (state > DriftState::converged) made_.cells.emplace_back(path, state);
    }
    if (made.state == DriftState::stale && first != nullptr) {
        facts.state = DriftState::stale;
        facts.since = std::max(facts.since, first->stale_at);
        const auto& worst = *made.worst();
        made_.path = worst.path;
        made_.words = worst.verdict.words.substr(0, twin::drift::words_bytes_max);
        facts.path = made_.path;
        facts.words = made_.words;
        facts.reason = worst.verdict.reason;
        facts.code = worst.verdict.code;
    }
    if (stale.empty()) stale_.erase(key);
    else stale_[key] = std::move(stale);
    due_.erase(key);
    if (next) wait_until(key, *next);
}

void ShardDrift::show(const TwinId& id, fleet::Row row, const Entry* entry) {
    fleet::Table& table = table_of(id);
    for (const DriftState state : twin::drift::states)
        if (state != DriftState::untracked)
            count_properties(state, std::int64_t{made_.facts.counts[index_of(state)]} -
                                        table.drift_count(row, state));
    if (const auto was = table.drift_state(row)) count_twin(id, *was, -1);
    count_twin(id, made_.facts.state, 1);
    cells_.clear();
    for (const auto& [path, state] : made_.cells) cells_.push_back({path, state});
    parts_.columns.show_drift(id, row, {made_.facts, cells_}, entry);
    if (!id.is_module()) parts_.series.stand(row, made_.facts.state);
}

fleet::DriftRow ShardDrift::at_start(const TwinId& id, const State& state,
                                     const Presence& presence) {
    Presence away = presence;
    away.connected = false;
    const DriftPtr known = parts_.judge.known(id, state);
    Drift all = *known;
    // One that was judged just now tells of every property; a known one of its last change only.
    if (known == state.drift) all.moved = parts_.judge.first(id, state.twin)->moved;
    lay_over(id, all, state.twin, away, 0);
    count_twin(id, made_.facts.state, 1);
    for (const DriftState each : twin::drift::states)
        count_properties(each, made_.facts.counts[index_of(each)]);
    cells_.clear();
    for (const auto& [path, cell] : made_.cells)
        if (cell) cells_.push_back({path, cell});
    return {made_.facts, cells_};
}

fleet::DriftRow ShardDrift::at_start(const TwinId& id, const Drift& drift) {
    take_standing(drift);
    count_twin(id, made_.facts.state, 1);
    count_properties(DriftState::converged, drift.standing.counts.converged);
    return {made_.facts, {}};
}

void ShardDrift::committed(const Entry& entry, const State& next, const Presence& presence) {
    if (!entry.id.is_module() && parts_.series.is_moved(entry.durable, next))
        if (const auto row = row_of(entry.id)) parts_.series.place(*row, next.twin);
    if (!next.drift || next.drift == entry.durable.drift) return;
    const auto row = row_of(entry.id);
    if (!row) return;
    lay_over(entry.id, *next.drift, next.twin, presence, key_of(entry.id, *row));
    show(entry.id, *row, &entry);
    if (entry.durable.exists() && entry.durable.drift)
        measure(entry.id, next, *entry.durable.drift);
    if (parts_.events.is_heard()) tell_moved(entry.id, next, presence);
}

void ShardDrift::leaving(const Entry& entry) {
    const auto row = row_of(entry.id);
    if (!row) return;
    fleet::Table& table = table_of(entry.id);
    const std::uint64_t key = key_of(entry.id, *row);
    due_.erase(key);
    stale_.erase(key);
    if (const auto was = table.drift_state(*row)) count_twin(entry.id, *was, -1);
    if (!entry.id.is_module()) parts_.series.leave(*row);
    for (const DriftState state : twin::drift::states)
        if (state != DriftState::untracked)
            count_properties(state, -std::int64_t{table.drift_count(*row, state)});
    cells_.clear();
    const DriftPtr all = parts_.judge.first(entry.id, entry.durable.twin);
    for (const Moved& place : all->moved) cells_.push_back({place.path, std::nullopt});
    parts_.columns.clear_drift(entry.id, *row, cells_, &entry);
}

// The twin itself is not needed: what waits, waits all together.
void ShardDrift::connection_changed(const TwinId& id, const Presence& presence,
                                    const Entry* entry) {
    const auto row = row_of(id);
    if (!row) return;
    if (!id.is_module()) parts_.series.connection(*row, presence.connected);
    fleet::Table& table = table_of(id);
    const std::uint64_t key = key_of(id, *row);
    const auto was = table.drift_state(*row);
    std::uint32_t waiting = 0;
    for (const DriftState state : {DriftState::pending, DriftState::offline, DriftState::stale})
        waiting += table.drift_count(*row, state);
    const DriftState now = presence.connected ? DriftState::pending : DriftState::offline;
    const bool already = table.drift_count(*row, now) == waiting;
    if (!was || waiting == 0) return;
    due_.erase(key);
    if (presence.connected)
        wait_until(key, presence.connection_state_updated + parts_.judge.pending_timeout_min());
    cells_.clear();
    std::vector<std::string> stale;
    if (const auto said = stale_.find(key); said != stale_.end() && presence.connected) {
        stale = std::move(said->second);
        stale_.erase(said);
        for (const std::string& path : stale) cells_.push_back({path, DriftState::pending});
    }
    if (already && cells_.empty()) return;
    for (const DriftState state : {DriftState::pending, DriftState::offline, DriftState::stale}) {
        count_properties(state, (state == now ? std::int64_t{waiting} : 0) -
                                    std::int64_t{table.drift_count(*row, state)});
    }
    const bool waits = is_waiting(*was);
    if (waits) {
        count_twin(id, *was, -1);
        count_twin(id, now, 1);
        if (!id.is_module()) parts_.series.stand(*row, now);
    }
    const fleet::DriftOverlay overlay{.waiting = now,
                                      .count = waiting,
                                      .is_state_of_twin = waits,
                                      .since = presence.connection_state_updated};
    parts_.columns.show_overlay(id, *row, overlay, cells_, entry);
    if (parts_.events.is_heard()) tell_waiting(id, presence.connected, overlay.since);
}

void ShardDrift::wait_until(std::uint64_t key, Instant due) {
    const auto [known, is_new] = due_.try_emplace(key, due);
    if (!is_new && known->second <= due) return;  // looked at then, and again
    known->second = due;
    wheel_[second_after(due)].push_back(key);
}

void ShardDrift::tick() {
    const Instant now = parts_.clock.now();
    const std::int64_t second =
        std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    for (std::size_t looked = 0; looked < looks_max && !wheel_.empty();) {
        const auto slot = wheel_.begin();
        if (slot->first >= second) break;
        while (!slot->second.empty() && looked < looks_max) {
            const std::uint64_t key = slot->second.back();
            slot->second.pop_back();
            const auto due = due_.find(key);
            if (due == due_.end() || second_after(due->second) != slot->first) continue;
            due_.erase(due);
            ++looked;
            look_again(key);
        }
        if (slot->second.empty()) wheel_.erase(slot);
    }
    if (!held_.empty()) settle(now);
}

void ShardDrift::look_again(std::uint64_t key) {
    const auto row = static_cast<fleet::Row>(key / 2);
    fleet::Table& table = parts_.columns.table(key % 2 == 1 ? query::Collection::modules
                                                            : query::Collection::devices);
    if (!table.is_live(row)) return;
    const fleet::Key name = table.key(row);
    TwinId id;
    id.device = DeviceId::parse(name.device).value();
    if (!name.module.empty()) id.module = ModuleId::parse(name.module).value();
    parts_.fetch(id, [this, id](const Entry* entry) {
        if (entry == nullptr || !entry->durable.exists()) return;
        const auto here = row_of(id);
        if (!here) return;
        const DriftPtr drift = parts_.judge.known(id, entry->durable);
        const Presence presence = parts_.presence(*entry);
        const DriftState was = table_of(id).drift_state(*here).value_or(DriftState::untracked);
        Drift still = *drift;
        still.moved.clear();
        lay_over(id, still, entry->durable.twin, presence, key_of(id, *here));
        show(id, *here, entry);
        if (made_.facts.state == was || !parts_.events.is_heard()) return;
        const twin::drift::Judge judge(entry->durable.twin, parts_.judge.policy(),
                                       is_edge_runtime(id));
        for (const auto& property :
             twin::drift::assess(entry->durable.twin, parts_.judge.policy(), is_edge_runtime(id),
                                 connection_of(presence), parts_.clock.now())
                 .properties)
            if (property.state == DriftState::stale)
                tell(id, judge, property.path, DriftState::pending, DriftState::stale, presence,
                     property.stale_at);
    });
}

}  // namespace twinhub::hub

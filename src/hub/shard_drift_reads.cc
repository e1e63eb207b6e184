// What a shard answers about the drift of its twins.
#include "hub/configurations/shard_configurations.h"
#include "hub/drift/drifts.h"
#include "hub/off_loop.h"
#include "hub/shard.h"
#include "query/names.h"
#include "twin/drift/paths.h"

namespace twinhub::hub {

Task<Result<TwinDrift>> Shard::drift_of(TwinId id) {
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->durable.exists()) co_return std::unexpected(not_found(id));
    const State state = entry->durable;
    std::optional<State> device;
    if (id.is_module()) {
        CO_TRY(const EntryPtr on, co_await this->entry(TwinId{id.device, {}}));
        device = on->durable;
    }
    TwinDrift made;
    made.at = parts_.clock.now();
    made.view = {state.identity, state.twin, presence_of(id, entry->presence)};
    made.assessment =
        twin::drift::assess(made.view.twin, parts_.settings.drift, is_edge_runtime(id),
                            connection_of(made.view.presence), made.at);
    const DriftPtr drift = drift_judge_.known(id, state);
    made.converge_time = drift->standing.converge_time;
    const fleet::Table& table =
        columns_.table(id.is_module() ? query::Collection::modules : query::Collection::devices);
    const auto row = table.find({id.device.text(), id.module.text()});
    made.since = row ? table.drift_since(*row) : drift->standing.since;
    std::set<std::uint64_t> versions;
    std::vector<std::string> paths;
    for (const auto& property : made.assessment.properties) {
        if (property.desired == nullptr) continue;
        versions.insert(property.verdict.desired_version);
        paths.push_back(property.path);
    }
    made.wanted = configurations_->wanted_by(id, state, device ? &*device : nullptr, paths);
    auto look = [this, id, sequence = state.sequence, versions] {
        return find_wishes(parts_.engine, id, sequence, versions);
    };
    using Wishes = std::map<std::uint64_t, Wish>;
    made.wishes = co_await off_loop<Wishes>(parts_.pool, std::move(look));
    co_return made;
}

std::vector<std::string> Shard::leaf_paths(const std::vector<query::Segment>& root, bool drifted,
                                           std::size_t paths_max) {
    std::vector<std::string> found;
    const fleet::Table& table = columns_.table(query::Collection::devices);
    std::vector<query::Segment> path = root;
    std::string text;
    const auto walk = [&](const auto& self, std::size_t depth) -> void {
        std::vector<std::string> names;
        table.for_each_child(path, [&](std::string_view name, const fleet::Column&) {
            if (!name.starts_with('$')) names.emplace_back(name);
        });
        for (std::string& name : names) {
            if (found.size() >= paths_max) return;
            const std::size_t length = text.size();
            twin::drift::append_key(text, depth, name);
            path.emplace_back(std::move(name));
            const fleet::Column* cells = drifted ? table.column(query::drift_cell(text)) : nullptr;
            if (!drifted || (cells != nullptr && cells->count() != 0)) found.push_back(text);
            self(self, depth + 1);
            path.pop_back();
            text.resize(length);
        }
    };
    walk(walk, 0);
    return found;
}

}  // namespace twinhub::hub

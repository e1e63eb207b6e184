#include "hub/drift/drifts.h"

#include "base/json_members.h"
#include "hub/drift/fleet_question.h"
#include "hub/shards.h"
#include "twin/drift/paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace twinhub::hub {

using DriftState = twin::drift::State;

namespace {

constexpr std::size_t paths_max = 500;    // of a fleet that are looked at
constexpr std::size_t values_max = 1000;  // of a path; beyond, it is no explanation
constexpr std::size_t reasons_max = 3;

std::string masked(std::string words) {
    for (char& c : words)
        if (c >= '0' && c <= '9') c = '#';
    return words;
}

// As a query reads it: the state of a cell of a device that is, or is not connected.
std::optional<DriftState> shown_state(const json::object& row) {
    const auto state = twin::drift::state_of(text_in(row, "s"));
    if (!state || *state <= DriftState::converged) return std::nullopt;
    if (is_waiting(*state) && text_in(row, "c") != "Connected") return DriftState::offline;
    return state;
}

}  // namespace

std::uint64_t PathDrift::total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts) sum += count;
    return sum;
}

Task<Result<TwinDrift>> Drifts::of(TwinId id) {
    Shard& shard = shards_.of(id.device);
    auto work = [&shard, &id] { return shard.drift_of(id); };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<Drifts::Rows>> Drifts::ask(std::string text, std::string where, const Asker& asker) {
    return ask_fleet(queries_, std::move(text), std::move(where), {asker.principal, asker.wanted},
                     values_max);
}

Task<Result<FleetDrift>> Drifts::summary(std::string where, Asker asker) {
    FleetDrift fleet{.at = clock_.now(), .shards = shards_.size()};
    if (where.empty()) {
        std::vector<FleetDrift> each(shards_.size());
        auto read = [&each](Shard& shard, std::size_t index) -> Task<Result<>> {
            each[index].counts = shard.drift_counts();
            each[index].connected = shard.connected_devices();
            co_return Result<>();
        };
        CO_TRY_VOID(co_await shards_.on_all(std::move(read)));
        for (const FleetDrift& one : each) {
            fleet.connected += one.connected;
            for (std::size_t i = 0; i < twin::drift::state_count; ++i) {
                fleet.counts.devices[i] += one.counts.devices[i];
                fleet.counts.modules[i] += one.counts.modules[i];
                fleet.counts.properties[i] += one.counts.properties[i];
            }
        }
        co_return fleet;
    }
    CO_TRY(const Rows rows, co_await ask("SELECT $drift.state AS s, connectionState AS c, COUNT() "
                                         "AS n FROM devices GROUP BY $drift.state, connectionState",
                                         std::move(where), asker));
    for (const json::object& row : rows) {
        const auto state = twin::drift::state_of(text_in(row, "s"));
        const std::uint64_t count = number_in(row, "n");
        if (state) fleet.counts.devices[index_of(*state)] += static_cast<std::int64_t>(count);
        if (text_in(row, "c") == "Connected") fleet.connected += count;
    }
    co_return fleet;
}

Task<Result<std::vector<std::string>>> Drifts::paths_of(std::vector<query::Segment> root,
                                                        bool drifted) {
    std::vector<std::vector<std::string>> each(shards_.size());
    auto read = [&each, &root, drifted](Shard& shard, std::size_t index) -> Task<Result<>> {
        each[index] = shard.leaf_paths(root, drifted, paths_max);
        co_return Result<>();
    };
    CO_TRY_VOID(co_await shards_.on_all(std::move(read)));
    std::vector<std::string> all;
    for (std::vector<std::string>& one : each) std::ranges::move(one, std::back_inserter(all));
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    if (all.size() > paths_max) all.resize(paths_max);
    co_return all;
}

Task<Result<std::vector<PathDrift>>> Drifts::paths(std::string where, std::size_t limit,
                                                   Asker asker) {
    CO_TRY(const std::vector<std::string> places,
           co_await paths_of({"properties", "desired"}, true));
    std::vector<PathDrift> found;
    for (const std::string& place : places) {
        if (!can_be_asked(place)) continue;
        const std::string cell = "$drift.at.[[" + place + "]]";
        const std::string text = fmt::format(
            "SELECT {0} AS s, connectionState AS c, COUNT() AS n, MIN($drift.since) AS oldest "
            "FROM devices WHERE IS_DEFINED({0}) AND NOT IS_OBJECT(properties.desired{1}) GROUP BY "
            "{0}, connectionState",
            cell, quoted_path(place));
        CO_TRY(const Rows rows, co_await ask(text, where, asker));
        PathDrift one{.path = place, .counts = {}, .oldest = {}, .reasons = {}};
        for (const json::object& row : rows) {
            const auto state = shown_state(row);
            if (!state) continue;
            one.counts[index_of(*state)] += number_in(row, "n");
            const std::string oldest = text_in(row, "oldest");
            if (!oldest.empty() && (!one.oldest || oldest < *one.oldest)) one.oldest = oldest;
        }
        if (one.total() != 0) found.push_back(std::move(one));
    }
    const auto attention = [](const PathDrift& one) {
        return one.counts[index_of(DriftState::rejected)] +
               one.counts[index_of(DriftState::drifted)] + one.counts[index_of(DriftState::stale)];
    };
    std::ranges::sort(found, [&](const PathDrift& a, const PathDrift& b) {
        return std::tuple(attention(b), b.total(), a.path) <
               std::tuple(attention(a), a.total(), b.path);
    });
    if (found.size() > limit) found.resize(limit);
    for (PathDrift& one : found) {
        const std::string literal = to_text(json::value(one.path));
        const std::string text = fmt::format(
            "SELECT $drift.reason AS r, $drift.code AS code, $drift.words AS words, COUNT() AS n "
            "FROM devices WHERE $drift.path = {} GROUP BY $drift.reason, $drift.code, $drift.words",
            literal);
        CO_TRY(const Rows rows, co_await ask(text, where, asker));
        for (const json::object& row : rows) {
            PathDrift::Reason reason{.reason = text_in(row, "r"),
                                     .words = masked(text_in(row, "words")),
                                     .code = {},
                                     .devices = number_in(row, "n")};
            if (const json::value* code = row.if_contains("code"))
                reason.code = code->to_number<std::int64_t>();
            const auto same = std::ranges::find_if(one.reasons, [&](const auto& known) {
                return known.reason == reason.reason && known.words == reason.words &&
                       known.code == reason.code;
            });
            if (same != one.reasons.end()) same->devices += reason.devices;
            else one.reasons.push_back(std::move(reason));
        }
        std::ranges::sort(one.reasons, [](const auto& a, const auto& b) {
            return std::tie(b.devices, a.reason, a.words) < std::tie(a.devices, b.reason, b.words);
        });
        if (one.reasons.size() > reasons_max) one.reasons.resize(reasons_max);
    }
    co_return found;
}

Task<Result<Why>> Drifts::why(WhyRequest request, Asker asker) {
    Why why{.at = clock_.now()};
    if (request.where.empty()) request.where = "$drift.state IN ['drifted', 'rejected', 'stale']";
    std::string others;
    if (request.baseline.empty() || request.baseline == "converged") others = "IS_CONVERGED()";
    else if (request.baseline == "connected") others = "connectionState = 'Connected'";
    else if (request.baseline != "all")
        co_return failure(Code::argument_invalid, "The baseline is converged, connected or all",
                          "baseline");
    // A twin that is asked about is held against nobody.
    CO_TRY_VOID(fleet_plan("SELECT * FROM devices", request.where));
    const std::string not_in_set = fmt::format("NOT ({})", request.where);
    const std::string baseline =
        others.empty() ? not_in_set : fmt::format("{} AND {}", others, not_in_set);
    const std::string count = "SELECT COUNT() AS n FROM devices";
    CO_TRY(const Rows in_set, co_await ask(count, request.where, asker));
    CO_TRY(const Rows in_baseline, co_await ask(count, baseline, asker));
    why.set = in_set.empty() ? 0 : number_in(in_set[0], "n");
    why.baseline = in_baseline.empty() ? 0 : number_in(in_baseline[0], "n");
    if (why.set == 0 || why.baseline == 0) co_return why;

    // That a device reports another value is how it drifted, not why.
    CO_TRY(const Rows worst,
           co_await ask("SELECT $drift.path AS p, COUNT() AS n FROM devices GROUP BY $drift.path",
                        request.where, asker));
    const auto is_drift_itself = [&](const std::string& place) {
        return std::ranges::any_of(worst, [&](const json::object& row) {
            const std::string path = text_in(row, "p");
            return row.contains("p") && (twin::drift::is_at_or_below(place, path) ||
                                         twin::drift::is_at_or_below(path, place));
        });
    };
    for (const auto& [part, prefix] :
         {std::pair<std::vector<query::Segment>, std::string>{{"tags"}, "tags"},
          {{"properties", "reported"}, "properties.reported"}}) {
        CO_TRY(const std::vector<std::string> places, co_await paths_of(part, false));
        for (const std::string& place : places) {
            if (!can_be_asked(place)) continue;
            const std::string path = prefix + quoted_path(place);
            const std::string shown = prefix + "." + place;
            if (prefix != "tags" && is_drift_itself(place)) {
                why.skipped.push_back({shown, "drifted itself"});
                continue;
            }
            const std::string text =
                fmt::format("SELECT {0} AS v, COUNT() AS n FROM devices GROUP BY {0}", path);
            CO_TRY(const Rows ours, co_await ask(text, request.where, asker));
            if (ours.size() > values_max) {
                why.skipped.push_back({shown, "too many values"});
                continue;
            }
            // Each with a value of its own: what it is called, not why it drifted.
            if (why.set > 20 && ours.size() * 2 > why.set) {
                why.skipped.push_back({shown, "identifier"});
                continue;
            }
            CO_TRY(const Rows theirs, co_await ask(text, baseline, asker));
            ++why.considered;
            std::map<std::string, std::uint64_t> held_against;
            const auto key_of = [](const json::object& row) {
                const json::value* value = row.if_contains("v");
                return value == nullptr ? std::string() : to_text(*value);
            };
            for (const json::object& row : theirs) held_against[key_of(row)] = number_in(row, "n");
            for (const json::object& row : ours) {
                const json::value* value = row.if_contains("v");
                if (value != nullptr && (value->is_object() || value->is_array())) continue;
                Factor factor{.path = shown, .value = value == nullptr ? json::value() : *value};
                factor.devices = number_in(row, "n");
                const auto other = held_against.find(key_of(row));
                const double theirs_count =
                    other == held_against.end() ? 0.0 : static_cast<double>(other->second);
                factor.in_set = static_cast<double>(factor.devices) / static_cast<double>(why.set);
                factor.in_baseline = theirs_count / static_cast<double>(why.baseline);
                factor.score = factor.in_set - factor.in_baseline;
                // With half a device, so that a value which nobody else has is no infinity.
                factor.lift =
                    factor.in_set * static_cast<double>(why.baseline + 1) / (theirs_count + 0.5);
                factor.condition = value == nullptr ? fmt::format("NOT IS_DEFINED({})", path)
                                                    : fmt::format("{} = {}", path, to_text(*value));
                if (factor.score > 0) why.factors.push_back(std::move(factor));
            }
        }
    }
    std::ranges::sort(why.factors, [](const Factor& a, const Factor& b) {
        return std::tie(b.score, a.condition) < std::tie(a.score, b.condition);
    });
    if (why.factors.size() > request.limit) why.factors.resize(request.limit);
    co_return why;
}

}  // namespace twinhub::hub

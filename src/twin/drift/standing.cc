#include "twin/drift/standing.h"

#include "twin/drift/paths.h"
#include "twin/drift/touched.h"

#include <algorithm>
#include <map>
#include <set>

namespace twinhub::twin::drift {
namespace {

std::string cut(std::string_view text) {
    std::size_t size = std::min(text.size(), words_bytes_max);
    while (size < text.size() && size > 0 &&
           (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U)
        --size;
    return std::string(text.substr(0, size));
}

Standing::Worst worst_of(const BaseProperty& property) {
    return {.path = property.path,
            .reason = property.verdict.reason,
            .code = property.verdict.code,
            .words = cut(property.verdict.words)};
}

void find_worst(Standing& standing, const std::vector<BaseProperty>& properties) {
    standing.worst = {};
    const State base = standing.base();
    if (base <= State::converged) return;
    const auto first = std::ranges::find(properties, base,
                                         [](const BaseProperty& one) { return one.verdict.state; });
    if (first != properties.end()) standing.worst = worst_of(*first);
}

void wait_for(Standing& standing, const BaseProperty& property, const TwinPolicy& policy) {
    if (property.verdict.state != State::pending) return;
    const Ticks timeout = policy.property(property.path).pending_timeout;
    const bool first = !standing.waiting_from;
    standing.waiting_from = first ? property.verdict.desired_at
                                  : std::min(*standing.waiting_from, property.verdict.desired_at);
    standing.pending_timeout_min =
        first ? timeout : std::min(standing.pending_timeout_min, timeout);
}

// The worst state of every object above the properties.
std::map<std::string, State> objects_above(const std::vector<BaseProperty>& properties) {
    std::map<std::string, State> objects;
    for (const BaseProperty& property : properties) {
        if (property.desired == nullptr) continue;
        const Keys keys = keys_of(property.path);
        for (std::size_t depth = 1; depth < keys.size(); ++depth) {
            State& worst = objects[std::string(above(keys, property.path, depth))];
            worst = std::max(worst, property.verdict.state);
        }
    }
    return objects;
}

// All that a judge says, as places that were not there before.
std::vector<Moved> all_places(const std::vector<BaseProperty>& properties) {
    std::vector<Moved> places;
    for (const BaseProperty& one : properties)
        if (one.desired != nullptr)
            places.push_back(
                {one.path, true, std::nullopt, one.verdict.state, one.verdict.desired_at});
    for (const auto& [path, state] : objects_above(properties))
        places.push_back({path, false, std::nullopt, state, std::nullopt});
    return places;
}

// From all that was to all that is.
std::vector<Moved> difference(const std::vector<Moved>& was, const std::vector<Moved>& is) {
    std::map<std::pair<std::string, bool>, Moved> places;
    for (const Moved& one : was)
        places[{one.path, one.is_leaf}] = {one.path, one.is_leaf, one.is, std::nullopt,
                                           std::nullopt};
    for (const Moved& one : is) {
        Moved& place = places[{one.path, one.is_leaf}];
        place.path = one.path;
        place.is_leaf = one.is_leaf;
        place.is = one.is;
        place.desired_at = one.desired_at;
    }
    std::vector<Moved> moved;
    for (auto& [path, place] : places)
        if (place.was != place.is) moved.push_back(std::move(place));
    return moved;
}

Standing of_all(const std::vector<BaseProperty>& properties, const TwinPolicy& policy) {
    Standing standing;
    for (const BaseProperty& one : properties) {
        ++standing.counts.of(one.verdict.state);
        wait_for(standing, one, policy);
    }
    find_worst(standing, properties);
    return standing;
}

// The times that follow from where it stood before.
void take_times(Standing& standing, const Standing& before, Instant at) {
    const State was = before.base();
    const State is = standing.base();
    standing.since = was == is ? before.since : at;
    standing.left = before.left;
    standing.converge_time = before.converge_time;
    if (is > State::converged && was <= State::converged) standing.left = at;
    if (is <= State::converged && was > State::converged) {
        if (is == State::converged && before.left) standing.converge_time = at - *before.left;
        standing.left.reset();
    }
}

// The worst state of the tracked properties below an object.
std::optional<State> worst_below(const Judge& judge, std::string_view path) {
    std::optional<State> worst;
    for (const BaseProperty& one : judge.at(path))
        worst = std::max(worst.value_or(State::untracked), one.verdict.state);
    return worst;
}

bool is_object_at(const Twin& twin, std::string_view path) {
    const Node* node = node_at(twin.desired, keys_of(path));
    return node != nullptr && node->is_object() && !node->object().members.empty();
}

}  // namespace

std::uint32_t& Standing::Counts::of(State base) {
    switch (base) {
        case State::rejected: return rejected;
        case State::drifted: return drifted;
        case State::converged: return converged;
        default: return pending;
    }
}

State Standing::base() const {
    if (counts.rejected > 0) return State::rejected;
    if (counts.drifted > 0) return State::drifted;
    if (counts.pending > 0) return State::pending;
    return counts.converged > 0 ? State::converged : State::untracked;
}

Step standing_of(const Twin& twin, const Policy& policy, bool is_edge_runtime) {
    const Judge judge(twin, policy, is_edge_runtime);
    const std::vector<BaseProperty> all = judge.all();
    Step step{of_all(all, judge.policy()), all_places(all)};
    Standing& standing = step.standing;
    standing.since = twin.desired.stamp().updated;
    const State base = standing.base();
    bool first = true;
    for (const BaseProperty& one : all) {
        if (one.verdict.state != base) continue;
        // A converged twin is so since its last property is; any other since its first one is.
        if (first) standing.since = one.verdict.since;
        else if (base == State::converged)
            standing.since = std::max(standing.since, one.verdict.since);
        else standing.since = std::min(standing.since, one.verdict.since);
        first = false;
    }
    if (base > State::converged) standing.left = standing.since;
    return step;
}

Step advance(const Standing& before, const Twin& was, const Twin& is, const Change& change,
             const Policy& policy, bool is_edge_runtime) {
    const Judge old_judge(was, policy, is_edge_runtime);
    const Judge new_judge(is, policy, is_edge_runtime);
    const Touched touched = touched_properties(was, is, change, old_judge.policy(),
                                               new_judge.policy(), policy, is_edge_runtime);
    Step step;
    if (touched.all) {
        const std::vector<BaseProperty> all = new_judge.all();
        step.standing = of_all(all, new_judge.policy());
        step.moved = difference(all_places(old_judge.all()), all_places(all));
        take_times(step.standing, before, change.at);
        return step;
    }
    Standing& standing = step.standing;
    standing.counts = before.counts;
    standing.worst = before.worst;
    standing.waiting_from = before.waiting_from;
    standing.pending_timeout_min = before.pending_timeout_min;
    bool lost_worst = false;
    std::vector<BaseProperty> now;
    std::set<std::string, std::less<>> objects;
    for (const std::string& path : touched.paths) {
        const auto old_one = old_judge.property(path);
        auto new_one = new_judge.property(path);
        if (old_one) --standing.counts.of(old_one->verdict.state);
        if (new_one) ++standing.counts.of(new_one->verdict.state);
        lost_worst |= path == before.worst.path;
        const auto state = [](const std::optional<BaseProperty>& one) {
            return one ? std::optional(one->verdict.state) : std::nullopt;
        };
        if (state(old_one) != state(new_one)) {
            Moved moved{path, true, state(old_one), state(new_one), std::nullopt};
            if (new_one) moved.desired_at = new_one->verdict.desired_at;
            step.moved.push_back(std::move(moved));
            const Keys keys = keys_of(path);
            for (std::size_t depth = 1; depth < keys.size(); ++depth)
                objects.emplace(above(keys, path, depth));
        }
        if (new_one) {
            wait_for(standing, *new_one, new_judge.policy());
            now.push_back(std::move(*new_one));
        }
    }
    for (const std::string& path : objects) {
        Moved moved{path, false, std::nullopt, std::nullopt, std::nullopt};
        if (is_object_at(was, path)) moved.was = worst_below(old_judge, path);
        if (is_object_at(is, path)) moved.is = worst_below(new_judge, path);
        if (moved.was != moved.is) step.moved.push_back(std::move(moved));
    }
    if (standing.counts.pending == 0) {
        standing.waiting_from.reset();
        standing.pending_timeout_min = {};
    }
    const State base = standing.base();
    if (base <= State::converged) {
        standing.worst = {};
    } else if (lost_worst || base != before.base()) {
        // Only a twin that has become worse has its worst property among those touched.
        if (base > before.base()) find_worst(standing, now);
        else find_worst(standing, new_judge.all());
    } else {
        const auto earlier = std::ranges::find_if(now, [&](const BaseProperty& one) {
            return one.verdict.state == base && keys_of(one.path) < keys_of(standing.worst.path);
        });
        if (earlier != now.end()) standing.worst = worst_of(*earlier);
    }
    take_times(standing, before, change.at);
    return step;
}

}  // namespace twinhub::twin::drift

// What a shard tells and measures when a property moves (spec twin-document 15.2, transitions).
#include "hub/drift/converged_work.h"
#include "hub/drift/shard_drift.h"
#include "hub/notice.h"
#include "twin/drift/paths.h"

namespace twinhub::hub {

using twin::drift::Moved;
using DriftState = twin::drift::State;

namespace {

constexpr std::size_t held_max = 100'000;

double seconds(Ticks span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

void ShardDrift::measure(const TwinId& id, const State& next, const Drift& before) {
    const Instant reported = next.twin.reported.stamp().updated;
    bool came = false;
    for (const Moved& moved : next.drift->moved)
        // A wish for what was reported before it took no time, and is not met by the device.
        if (moved.is_leaf && moved.was && moved.is == DriftState::converged && moved.desired_at &&
            *moved.desired_at <= reported) {
            came = true;
            parts_.metrics.by_property.observe(moved.path, seconds(reported - *moved.desired_at));
        }
    if (const Applied* applied = came ? parts_.applied(id) : nullptr) {
        const twin::drift::Judge judge(next.twin, parts_.judge.policy(), is_edge_runtime(id));
        for (const auto& [configuration, took] :
             converged_configurations(*applied, next.drift->moved, judge, reported))
            parts_.metrics.by_configuration.observe(configuration, took);
    }
    const auto& is = next.drift->standing;
    if (is.base() != DriftState::converged || before.standing.base() <= DriftState::converged ||
        !is.converge_time)
        return;
    std::string value;
    if (!parts_.metrics_tag.empty()) {
        const twin::Node* tag =
            twin::drift::node_at(next.twin.tags, twin::drift::keys_of(parts_.metrics_tag));
        if (tag != nullptr && !tag->is_object())
            value = tag->leaf().is_string() ? std::string(tag->leaf().get_string())
                                            : to_text(tag->leaf());
    }
    parts_.metrics.by_tag.observe(value, seconds(*is.converge_time));
}

void ShardDrift::publish(const TwinId& id, Instant at, std::string payload) {
    parts_.events.publish(
        make_notice({"driftChanged", "driftChangeEvents", "driftChangeNotification"}, id, at,
                    std::move(payload)));
}

void ShardDrift::tell(const TwinId& id, const twin::drift::Judge& judge, const std::string& path,
                      DriftState from, DriftState to, const Presence& presence, Instant at) {
    const std::pair key{id.text(), path};
    if (const auto held = held_.find(key); held != held_.end()) {
        from = held->second.from;
        held_.erase(held);
        if (from == to) return;
    }
    json::object body{{"deviceId", id.device.text()}};
    if (id.is_module()) body["moduleId"] = id.module.text();
    body["path"] = path;
    body["from"] = name_of(from);
    body["to"] = name_of(to);
    if (const auto property = judge.property(path)) {
        const twin::drift::Verdict& verdict = property->verdict;
        if (verdict.reason != twin::drift::Reason::none) body["reason"] = name_of(verdict.reason);
        body["desiredVersion"] = verdict.desired_version;
        if (verdict.code) body["code"] = *verdict.code;
        if (!verdict.words.empty()) body["words"] = verdict.words;
    }
    body["connectionState"] = presence.connected ? "Connected" : "Disconnected";
    body["at"] = format_instant(at);
    std::string payload = to_text(json::value(std::move(body)));
    const Ticks wait = judge.policy().twin().settle;
    if (to == DriftState::drifted && wait > Ticks{} && held_.size() < held_max) {
        held_.emplace(key, Held{id, path, from, at + wait, std::move(payload)});
        return;
    }
    publish(id, at, std::move(payload));
}

void ShardDrift::tell_moved(const TwinId& id, const State& next, const Presence& presence) {
    const auto shown = [&](const std::optional<DriftState>& base) {
        const DriftState state = base.value_or(DriftState::untracked);
        return state == DriftState::pending && !presence.connected ? DriftState::offline : state;
    };
    const Instant at = parts_.clock.now();
    const twin::drift::Judge judge(next.twin, parts_.judge.policy(), is_edge_runtime(id));
    for (const Moved& moved : next.drift->moved)
        if (moved.is_leaf)
            tell(id, judge, moved.path, shown(moved.was), shown(moved.is), presence, at);
}

void ShardDrift::tell_waiting(const TwinId& id, bool connected, Instant at) {
    parts_.fetch(id, [this, id, connected, at](const Entry* entry) {
        if (entry == nullptr || !entry->durable.exists()) return;
        const Presence presence = parts_.presence(*entry);
        const twin::drift::Judge judge(entry->durable.twin, parts_.judge.policy(),
                                       is_edge_runtime(id));
        const DriftState from = connected ? DriftState::offline : DriftState::pending;
        const DriftState to = connected ? DriftState::pending : DriftState::offline;
        for (const auto& property : judge.all())
            if (property.verdict.state == DriftState::pending)
                tell(id, judge, property.path, from, to, presence, at);
    });
}

void ShardDrift::settle(Instant now) {
    for (auto held = held_.begin(); held != held_.end();) {
        if (held->second.due > now) {
            ++held;
            continue;
        }
        publish(held->second.id, held->second.due, std::move(held->second.payload));
        held = held_.erase(held);
    }
}

}  // namespace twinhub::hub

#include "twin/drift/assessment.h"

#include <algorithm>

namespace twinhub::twin::drift {
namespace {

bool knows_when(const Connection& connection) { return connection.since > never; }

Property overlaid(BaseProperty base, Ticks pending_timeout, const Connection& connection,
                  Instant now) {
    Property property{std::move(base), State::pending, {}, {}};
    property.state = property.verdict.state;
    property.since = property.verdict.since;
    if (property.state != State::pending) return property;
    property.stale_at = stale_at(property.verdict.desired_at, pending_timeout, connection);
    property.state = overlaid(property.verdict.desired_at, pending_timeout, connection, now);
    if (property.state == State::stale) property.since = property.stale_at;
    if (property.state == State::offline && knows_when(connection))
        property.since = std::max(property.since, connection.since);
    return property;
}

}  // namespace

const Property* Assessment::worst() const {
    const auto found =
        std::ranges::find(properties, state, [](const Property& one) { return one.state; });
    return found == properties.end() ? nullptr : &*found;
}

Instant stale_at(Instant desired_at, Ticks pending_timeout, const Connection& connection) {
    const Instant from =
        knows_when(connection) ? std::max(desired_at, connection.since) : desired_at;
    return from + pending_timeout;
}

State overlaid(Instant desired_at, Ticks pending_timeout, const Connection& connection,
               Instant now) {
    if (!connection.connected) return State::offline;
    return now > stale_at(desired_at, pending_timeout, connection) ? State::stale : State::pending;
}

bool is_fresh(const Connection& connection, Ticks fresh_for, Instant now) {
    if (connection.connected) return true;
    const Instant last = std::max(connection.since, connection.seen);
    return last > never && now - last <= fresh_for;
}

Assessment assess(const Twin& twin, const Policy& policy, bool is_edge_runtime,
                  const Connection& connection, Instant now) {
    const Judge judge(twin, policy, is_edge_runtime);
    Assessment made;
    for (BaseProperty& base : judge.all()) {
        const Ticks timeout = judge.policy().property(base.path).pending_timeout;
        made.properties.push_back(overlaid(std::move(base), timeout, connection, now));
        const Property& property = made.properties.back();
        ++made.counts[index_of(property.state)];
        made.state = std::max(made.state, property.state);
    }
    made.surplus = judge.surplus();
    made.fresh = is_fresh(connection, judge.policy().twin().fresh_for, now);
    made.since = twin.desired.stamp().updated;
    if (const Property* worst = made.worst()) made.since = worst->since;
    if (made.state == State::converged)
        for (const Property& property : made.properties)
            made.since = std::max(made.since, property.since);
    return made;
}

}  // namespace twinhub::twin::drift

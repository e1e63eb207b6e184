#include "hub/drift/drift_past.h"

#include "hub/connections/connections.h"
#include "hub/history/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace twinhub::hub {
namespace {

using DriftState = twin::drift::State;

constexpr std::size_t changes_max = 2000;  // that are looked at for what was before

// What is known of the connection at a moment. Without a session around it the device was away,
// since the end of the one before, if there is one.
twin::drift::Connection connection_at(const SessionsOf& known, Instant at) {
    twin::drift::Connection connection;
    for (const Session& session : known.sessions) {
        if (session.start > at) continue;
        connection.connected = session.is_open() || session.end > at;
        connection.since = connection.connected ? session.start : session.end;
        connection.seen = connection.connected ? at : session.end;
        break;
    }
    return connection;
}

// One property on the way back through the changes.
struct Search {
    std::uint64_t desired_version = 0;
    bool is_before = false;  // the wish is taken back
    Instant wished_at{};
    Instant converged_since{};
    std::optional<json::value> value;
    bool done = false;
};

// Whether it stood converged in `twin`, with what was desired.
std::optional<json::value> converged_value(const twin::Twin& twin, const std::string& path,
                                           const twin::drift::Policy& policy, bool edge) {
    const auto property = twin::drift::Judge(twin, policy, edge).property(path);
    if (!property || property->verdict.state != DriftState::converged) return std::nullopt;
    return property->desired->to_json();
}

// May wait for the disk.
Result<std::map<std::string, Earlier>> look_back(const store::Engine& engine, const TwinId& id,
                                                 const twin::drift::Policy& policy,
                                                 std::map<std::string, Search> searches) {
    const ChangeLog log(engine.snapshot(), id);
    TRY(const ChangeLog::Present present, log.present());
    PastTwin now = present.state;
    ChangeWalk walk(log, present);
    const bool edge = is_edge_runtime(id);
    Instant oldest = present.created;
    for (std::size_t looked = 0; looked < changes_max && now.exists; ++looked) {
        TRY(const std::optional<KeptChange> change, walk.next());
        if (!change) break;
        oldest = change->record.at;
        TRY_VOID(take_back(now, change->record));
        if (!now.exists) break;
        const bool all_done =
            std::ranges::all_of(searches, [](const auto& each) { return each.second.done; });
        if (all_done) break;
        for (auto& [path, search] : searches) {
            if (search.done) continue;
            if (!search.is_before) {
                if (now.twin.versions.desired >= search.desired_version) continue;
                search.is_before = true;
                search.wished_at = change->record.at;
                search.value = converged_value(now.twin, path, policy, edge);
                search.done = !search.value;
                continue;
            }
            const auto value = converged_value(now.twin, path, policy, edge);
            if (value == search.value) continue;
            search.converged_since = change->record.at;
            search.done = true;
        }
    }
    std::map<std::string, Earlier> found;
    for (const auto& [path, search] : searches) {
        if (!search.value) continue;
        const Instant since = search.done ? search.converged_since : oldest;
        found.emplace(path, Earlier{*search.value, search.wished_at - since});
    }
    return found;
}

}  // namespace

Task<Result<TwinDrift>> DriftPast::at(TwinId id, Instant at) {
    CO_TRY(TwinThen then, co_await History(hub_).at(id, PastPoint::time(at)));
    Result<SessionsOf> known = co_await hub_.connections().sessions(id, sessions_page_max);
    TwinDrift made;
    made.at = at;
    const twin::drift::Connection connection =
        known ? connection_at(*known, at) : twin::drift::Connection{};
    made.view.presence.connected = connection.connected;
    made.view.presence.connection_state_updated = connection.since;
    made.view.presence.last_activity = connection.seen;
    made.view.twin = std::move(then.twin);
    made.assessment = twin::drift::assess(made.view.twin, hub_.settings().drift,
                                          is_edge_runtime(id), connection, at);
    made.since = made.assessment.since;
    co_return made;
}

Task<Result<std::map<std::string, Earlier>>> DriftPast::earlier(const TwinDrift& now) {
    std::map<std::string, Search> searches;
    for (const auto& property : now.assessment.properties)
        if (property.desired != nullptr && property.state > DriftState::converged)
            searches.emplace(property.path,
                             Search{.desired_version = property.verdict.desired_version});
    if (searches.empty()) co_return std::map<std::string, Earlier>{};
    auto look = [this, id = now.view.identity->id, searches] {
        return look_back(hub_.shards().engine(), id, hub_.settings().drift, searches);
    };
    using Found = Result<std::map<std::string, Earlier>>;
    co_return co_await hub_.shards().off_loop<Found>(std::move(look));
}

Task<Result<std::optional<LikeThis>>> DriftPast::like_this(const TwinDrift& now, FleetAsker asker) {
    const twin::drift::Property* const worst = now.assessment.worst();
    if (worst == nullptr || worst->state <= DriftState::converged || now.view.identity == nullptr)
        co_return std::optional<LikeThis>{};
    LikeThis like;
    like.where = fmt::format("$drift.path = {} AND ", to_text(json::value(worst->path)));
    if (worst->verdict.code) like.where += fmt::format("$drift.code = {}", *worst->verdict.code);
    else like.where += fmt::format("$drift.reason = '{}'", name_of(worst->verdict.reason));
    CO_TRY(const auto rows, co_await ask_fleet(hub_.queries(), "SELECT COUNT() AS n FROM devices",
                                               like.where, std::move(asker), 1));
    like.devices = rows.empty() ? 0 : number_in(rows[0], "n");
    co_return std::optional<LikeThis>(std::move(like));
}

}  // namespace twinhub::hub

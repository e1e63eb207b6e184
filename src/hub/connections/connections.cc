#include "hub/connections/connections.h"

#include "hub/shards.h"

#include <algorithm>
#include <map>

namespace twinhub::hub {
namespace {

constexpr std::chrono::hours day{24};
constexpr std::size_t stretches_max = 500;

// May wait for the disk.
Result<std::vector<Session>> stored_sessions(const store::Engine& engine, const TwinId& id) {
    std::vector<Session> found;
    const auto cursor = engine.scan(store::Family::metadata, sessions_range(id));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        TRY(Session session, open_session(cursor->key(), cursor->value()));
        found.push_back(std::move(session));
    }
    TRY_VOID(cursor->status());
    return found;
}

// Sessions of one device do not overlap, whatever a clock said: the newer one counts.
void add_strip(SessionsOf& answer, Ticks age) {
    const Instant now = answer.as_of;
    if (answer.sessions.empty()) return;
    const Instant from = std::max({now - day, now - age, answer.sessions.back().start});
    if (from >= now) return;
    const auto add = [&](Instant start, Instant end, bool connected) {
        if (end > start) answer.strip.push_back({start, end, connected});
    };
    Ticks there{};
    Instant until = now;
    for (const Session& session : answer.sessions) {
        if (until <= from) break;
        const Instant end = std::clamp(session.is_open() ? until : session.end, from, until);
        const Instant start = std::clamp(session.start, from, end);
        add(end, until, false);
        add(start, end, true);
        there += end - start;
        until = start;
    }
    if (answer.strip.size() > stretches_max) answer.strip.resize(stretches_max);
    std::ranges::reverse(answer.strip);
    answer.share = std::chrono::duration<double>(there).count() /
                   std::chrono::duration<double>(now - from).count();
}

}  // namespace

Task<Result<SessionsOf>> Connections::sessions(TwinId id, std::size_t limit) {
    Shard& shard = shards_.of(id.device);
    SessionsOf answer;
    auto known = [&shard, &answer, id]() -> Task<Result<>> {
        CO_TRY(const IdentityView view, co_await shard.identity(id));
        answer.presence = view.presence;
        answer.sessions = shard.connections().unsaved(id);
        co_return Result<>{};
    };
    CO_TRY_VOID(co_await Shards::on(shard, std::move(known)));
    if (answer.presence.session.exists()) answer.sessions.push_back(answer.presence.session);
    CO_TRY(std::vector<Session> stored,
           co_await shards_.off_loop<Result<std::vector<Session>>>(
               [this, &id] { return stored_sessions(shards_.engine(), id); }));
    std::ranges::move(stored, std::back_inserter(answer.sessions));
    const Instant now = answer.as_of = clock_.now();
    const Ticks age = shard.connections().settings().sessions_age;
    std::ranges::sort(answer.sessions, std::ranges::greater{}, &Session::connected);
    // The newest is stored with the presence and, once it has ended, as a row too.
    const auto doubles = std::ranges::unique(answer.sessions, {}, &Session::connected);
    answer.sessions.erase(doubles.begin(), doubles.end());
    std::erase_if(answer.sessions, [&](const Session& session) {
        return !session.is_open() && session.end < now - age;
    });
    add_strip(answer, age);
    if (answer.sessions.size() > limit) answer.sessions.resize(limit);
    co_return answer;
}

Task<Result<ConnectionSummary>> Connections::summary(std::chrono::minutes window, std::size_t top) {
    struct Part {
        std::uint64_t connected = 0;
        std::vector<ConnectionMinute> minutes;
        ConnectionRates::Top top;
    };
    ConnectionSummary answer;
    answer.as_of = clock_.now();
    answer.from = answer.as_of - window;
    std::vector<Part> parts(shards_.size());
    CO_TRY_VOID(co_await shards_.on_all(
        [&parts, from = answer.from, top](Shard& shard, std::size_t index) -> Task<Result<>> {
            const ConnectionRates& rates = shard.connections().rates();
            parts[index] = {shard.connected_devices(), rates.minutes(from), rates.top(from, top)};
            co_return Result<>{};
        }));
    std::map<std::int64_t, ConnectionMinute> minutes;
    for (const Part& part : parts) {
        answer.connected += part.connected;
        answer.missed = std::max(answer.missed, part.top.missed);
        for (const ConnectionMinute& minute : part.minutes) {
            ConnectionMinute& sum = minutes[minute.minute];
            sum.minute = minute.minute;
            sum.connects += minute.connects;
            for (std::size_t i = 0; i < sum.ends.size(); ++i) sum.ends[i] += minute.ends[i];
        }
        answer.reconnecting.insert(answer.reconnecting.end(), part.top.devices.begin(),
                                   part.top.devices.end());
    }
    for (const auto& [number, minute] : minutes) answer.minutes.push_back(minute);
    std::ranges::sort(answer.reconnecting, [](const Reconnecting& a, const Reconnecting& b) {
        return a.connects != b.connects ? a.connects > b.connects : a.id < b.id;
    });
    if (answer.reconnecting.size() > top) answer.reconnecting.resize(top);
    co_return answer;
}

}  // namespace twinhub::hub

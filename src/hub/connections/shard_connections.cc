#include "hub/connections/shard_connections.h"

#include "hub/device_door.h"
#include "hub/notice.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr std::uint16_t session_format = 1;
constexpr std::size_t unsaved_max = 200'000;  // the store does not take them
constexpr std::size_t looked_at_max = 5'000;
constexpr std::size_t place_bytes = 8;

// Stands for the moment: so it rises over restarts, whatever a crash has taken.
std::uint64_t number_of(Instant now) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(now.time_since_epoch().count(), 1));
}

}  // namespace

std::string session_key(const TwinId& id, std::uint64_t place) {
    std::string key = store::metadata_key(store::Area::session, store::twin_key(id));
    for (std::size_t i = place_bytes; i-- > 0;)
        key.push_back(static_cast<char>((place >> (8 * i)) & 0xff));
    return key;
}

store::Range sessions_range(const TwinId& id) {
    // Places are small: behind a device's own there are those of its modules, which begin with a
    // letter.
    return {session_key(id, 0), session_key(id, std::uint64_t{1} << 40)};
}

std::string sealed_session(std::string_view key, const Session& session) {
    std::string body;
    std::string value;
    append_encoded(body, session);
    store::seal(store::Kind::hub_state, session_format, key, body, value);
    return value;
}

Result<Session> open_session(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::hub_state, session_format, "metadata", key, value));
    ByteReader reader(opened.body);
    Session session = decode_session(reader);
    if (reader.failed())
        return failure(Code::corrupted, "A stored session cannot be read",
                       "metadata/" + store::printable(key));
    return session;
}

ShardConnections::ShardConnections(const ConnectionSettings& settings, DeviceEvents& events)
    : settings_(settings), events_(events) {}

std::uint64_t ShardConnections::next_number(std::uint64_t after, Instant now) {
    last_number_ = std::max({number_of(now), last_number_ + 1, after + 1});
    return last_number_;
}

Session ShardConnections::begin(const TwinId& id, const Session& before, const AttachFacts& facts,
                                Instant now) {
    // Nobody has written that down yet.
    if (before.why == SessionEnd::hub_stopped) ended_.emplace_back(id, before);
    Session session;
    session.connected = next_number(std::max(before.connected, before.disconnected), now);
    session.ordinal = before.exists() ? before.ordinal + 1 : 0;
    session.start = now;
    session.protocol = facts.protocol;
    session.tls = facts.tls;
    session.address = facts.client;
    rates_.connected(id, before.why, now);
    tell(id, "deviceConnected", session.connected, now);
    return session;
}

void ShardConnections::end(const TwinId& id, Session& session, SessionEnd why, Instant now) {
    rates_.disconnected(why, now);
    if (!session.is_open()) return;
    session.disconnected = next_number(session.connected, now);
    session.end = std::max(now, session.start);
    session.why = why;
    tell(id, "deviceDisconnected", session.disconnected, now);
    if (ended_.size() >= unsaved_max) ended_.pop_front();
    ended_.emplace_back(id, session);
}

ShardConnections::Rows ShardConnections::put(store::Batch& batch, std::size_t count_max) {
    Rows rows;
    for (; !ended_.empty() && count_max > 0; --count_max) {
        auto& [id, session] = ended_.front();
        if (settings_.sessions_max > 0) {
            const std::string key = session_key(id, session.ordinal % settings_.sessions_max);
            batch.put(Family::metadata, key, sealed_session(key, session));
            if (sweeping_) written_.insert(key);
            rows.emplace_back(std::move(id), std::move(session));
        }
        ended_.pop_front();
    }
    return rows;
}

void ShardConnections::again(Rows rows) {
    for (auto row = rows.rbegin(); row != rows.rend() && ended_.size() < unsaved_max; ++row)
        ended_.push_front(std::move(*row));
}

std::vector<std::string> ShardConnections::end_sweep(std::vector<std::string> keys) {
    std::erase_if(keys, [this](const std::string& key) { return written_.contains(key); });
    sweeping_ = false;
    written_.clear();
    return keys;
}

std::vector<Session> ShardConnections::unsaved(const TwinId& id) const {
    std::vector<Session> found;
    for (const auto& [whose, session] : ended_)
        if (whose == id) found.push_back(session);
    return found;
}

void ShardConnections::tell(const TwinId& id, std::string_view type, std::uint64_t number,
                            Instant at) const {
    if (!events_.is_heard()) return;
    events_.publish(
        make_notice({type, "deviceConnectionStateEvents", "deviceConnectionStateNotification"}, id,
                    at, R"({"sequenceNumber":")" + sequence_text(number) + R"("})"));
}

Result<ExpiredSessions> find_expired_sessions(const store::Engine& engine, Slot slot,
                                              std::string from, Instant older_than) {
    const store::Range twins = store::slot_range(slot);
    store::Range range{store::metadata_key(store::Area::session, twins.from),
                       store::metadata_key(store::Area::session, twins.to)};
    // Behind the last slot there is no further one to end at.
    if (twins.to.empty()) range.to = store::area_range(store::Area::session).to;
    ExpiredSessions found;
    const auto cursor = engine.scan(Family::metadata, range);
    if (from.empty()) cursor->seek_first();
    else cursor->seek(from);
    for (std::size_t looked = 0; cursor->valid(); cursor->next(), ++looked) {
        if (looked == looked_at_max) {
            found.next = cursor->key();
            return found;
        }
        // One that cannot be read is of no use to anybody.
        const Result<Session> session = open_session(cursor->key(), cursor->value());
        if (!session || session->end < older_than) found.keys.emplace_back(cursor->key());
    }
    TRY_VOID(cursor->status());
    return found;
}

}  // namespace twinhub::hub

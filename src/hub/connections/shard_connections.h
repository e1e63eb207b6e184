#pragma once

#include "base/ids.h"
#include "hub/connections/connection_rates.h"
#include "hub/connections/session.h"
#include "hub/connections/settings.h"
#include "hub/device_events.h"
#include "store/batch.h"
#include "store/engine.h"

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace twinhub::hub {

struct AttachFacts;

// Where a session that has ended is stored: one of a ring of places that each device has, so that
// newer ones take the place of the oldest. Part of the disk format.
std::string session_key(const TwinId& id, std::uint64_t place);
store::Range sessions_range(const TwinId& id);
std::string sealed_session(std::string_view key, const Session& session);
Result<Session> open_session(std::string_view key, std::string_view value);

// The connections of a shard's devices as facts: numbered, told to whoever listens, counted by
// minute, and stored when they have ended. The one that is open, or ended last, is kept with the
// device's presence. On the shard's loop.
class ShardConnections {
public:
    ShardConnections(const ConnectionSettings& settings, DeviceEvents& events);

    // A device has come; `before` is its session before this one, which has ended.
    Session begin(const TwinId& id, const Session& before, const AttachFacts& facts, Instant now);
    // Its session has ended.
    void end(const TwinId& id, Session& session, SessionEnd why, Instant now);

    // Puts at most so many of the sessions that have ended into the batch and gives them; `again`
    // takes those back that did not become durable.
    using Rows = std::vector<std::pair<TwinId, Session>>;
    Rows put(store::Batch& batch, std::size_t count_max);
    void again(Rows rows);
    bool has_rows() const { return !ended_.empty(); }
    // From begin_sweep() to end_sweep(), places that are written anew are noted: what was found old
    // there is not what stands there now.
    void begin_sweep() { sweeping_ = true; }
    // Of the keys found old, those that may be removed.
    std::vector<std::string> end_sweep(std::vector<std::string> keys);
    std::vector<Session> unsaved(const TwinId& id) const;

    const ConnectionRates& rates() const { return rates_; }
    const ConnectionSettings& settings() const { return settings_; }

private:
    std::uint64_t next_number(std::uint64_t after, Instant now);
    void tell(const TwinId& id, std::string_view type, std::uint64_t number, Instant at) const;

    const ConnectionSettings& settings_;
    DeviceEvents& events_;
    ConnectionRates rates_;
    std::deque<std::pair<TwinId, Session>> ended_;  // not stored yet
    std::uint64_t last_number_ = 0;
    bool sweeping_ = false;
    absl::flat_hash_set<std::string> written_;  // meanwhile
};

// Sessions of a slot that ended before a moment. May wait for the disk.
struct ExpiredSessions {
    std::vector<std::string> keys;
    std::string next;  // where to go on; empty: all was looked at
};
Result<ExpiredSessions> find_expired_sessions(const store::Engine& engine, Slot slot,
                                              std::string from, Instant older_than);

}  // namespace twinhub::hub

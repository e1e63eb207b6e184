#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "fleet/table.h"
#include "hub/device_events.h"
#include "hub/drift/converge_metrics.h"
#include "hub/drift/drift.h"
#include "hub/live_columns.h"
#include "hub/state.h"
#include "twin/drift/assessment.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace twinhub::hub {

class ShardSeries;
struct Applied;

// How many twins and properties are in each state; by twin::drift::State.
struct DriftCounts {
    std::array<std::int64_t, twin::drift::state_count> devices{};
    std::array<std::int64_t, twin::drift::state_count> modules{};
    std::array<std::int64_t, twin::drift::state_count> properties{};  // of both

    friend bool operator==(const DriftCounts&, const DriftCounts&) = default;
};

// What drift is to know of a connection.
twin::drift::Connection connection_of(const Presence& presence);

// The drift of a shard's twins as everybody sees it: how they stand by their documents, with what
// the connection and the time lay over it (spec twin-document 15.2). It is kept in the columns, in
// the counters here and nowhere else; a twin that waits for its connected device has a deadline. On
// the shard's loop.
class ShardDrift {
public:
    struct Parts {
        const DriftJudge& judge;
        const Clock& clock;
        LiveColumns& columns;
        ConvergeMetrics& metrics;
        DeviceEvents& events;
        // Gives the entry of a twin, nullptr when it cannot be had; maybe at once.
        std::function<void(const TwinId&, std::function<void(const Entry*)>)> fetch;
        std::function<Presence(const Entry&)> presence;
        // What configurations made of a twin; nullptr: nothing.
        std::function<const Applied*(const TwinId&)> applied;
        ShardSeries& series;
        std::string metrics_tag;  // by whose values times to converge are measured
    };
    explicit ShardDrift(Parts parts);
    ~ShardDrift();

    // At start: what the row of a twin is to show, whose device is not connected. Good until the
    // next call.
    fleet::DriftRow at_start(const TwinId& id, const State& state, const Presence& presence);
    // The same of one that has nothing to wait for: its documents need not be read.
    fleet::DriftRow at_start(const TwinId& id, const Drift& drift);

    // The columns show `next` from now on; before, the entry showed its durable state.
    void committed(const Entry& entry, const State& next, const Presence& presence);
    // The twin is about to leave the columns.
    void leaving(const Entry& entry);
    // Its device came or went; `entry` when it is in memory.
    void connection_changed(const TwinId& id, const Presence& presence, const Entry* entry);
    void tick();

    const DriftCounts& counts() const { return counts_; }

private:
    using State_ = twin::drift::State;
    struct Made {
        fleet::DriftFacts facts;
        std::vector<std::pair<std::string, std::optional<State_>>> cells;
        std::string path, words;
    };
    struct Held {
        TwinId id;
        std::string path;
        State_ from;
        Instant due{};
        std::string payload;
    };
    // A row of one of the tables.
    static std::uint64_t key_of(const TwinId& id, fleet::Row row) {
        return std::uint64_t{row} * 2 + (id.is_module() ? 1 : 0);
    }
    fleet::Table& table_of(const TwinId& id) const;
    std::optional<fleet::Row> row_of(const TwinId& id) const;

    void take_standing(const Drift& drift);
    void lay_over(const TwinId& id, const Drift& drift, const twin::Twin& twin,
                  const Presence& presence, std::uint64_t key);
    void judge_exactly(const TwinId& id, const twin::Twin& twin,
                       const twin::drift::Connection& connection, std::uint64_t key);
    void show(const TwinId& id, fleet::Row row, const Entry* entry);
    void count_twin(const TwinId& id, State_ state, std::int64_t by);
    void count_properties(State_ state, std::int64_t by);
    void wait_until(std::uint64_t key, Instant due);
    void look_again(std::uint64_t key);
    void measure(const TwinId& id, const State& next, const Drift& before);
    void tell(const TwinId& id, const twin::drift::Judge& judge, const std::string& path,
              State_ from, State_ to, const Presence& presence, Instant at);
    void tell_moved(const TwinId& id, const State& next, const Presence& presence);
    void tell_waiting(const TwinId& id, bool connected, Instant at);
    void settle(Instant now);
    void publish(const TwinId& id, Instant at, std::string payload);

    Parts parts_;
    DriftCounts counts_;
    Made made_;  // for its memory
    std::vector<fleet::DriftCell> cells_;
    std::unordered_map<std::uint64_t, Instant> due_;
    std::map<std::int64_t, std::vector<std::uint64_t>>
        wheel_;  // by second; entries may be outdated
    std::unordered_map<std::uint64_t, std::vector<std::string>> stale_;  // cells that say so
    std::map<std::pair<std::string, std::string>, Held> held_;  // drifts that have to settle
};

}  // namespace twinhub::hub

#pragma once

#include "base/json.h"
#include "fleet/column.h"
#include "fleet/connection_facts.h"
#include "fleet/drift_facts.h"
#include "fleet/ids.h"
#include "fleet/path_node.h"
#include "fleet/system_columns.h"
#include "query/plan.h"
#include "twin/flat_twin.h"
#include "twin/view.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::fleet {

// Is told before a row becomes another one.
class Observer {
public:
    virtual ~Observer() = default;
    // The row still reads as it was; a row that is about to be put is not live yet, and may lie at
    // `row_count()`.
    virtual void before_change(Row row) = 0;
};

class Staging;
struct StagedNode;

// What a table has allocated, in bytes.
struct Memory {
    std::size_t columns = 0;
    std::size_t dictionaries = 0;
    std::size_t paths = 0;
    std::size_t ids = 0;
    std::size_t total() const { return columns + dictionaries + paths + ids; }
};

// All devices, or all modules, of a shard as columns: what the service view shows of them, but
// $metadata. Kept current by the commits of the shard, read by queries.
class Table {
public:
    Table();
    ~Table();
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    // Rows are below `row_count()`. Dense columns and the live bitmap go on to `capacity()`, a
    // multiple of 64.
    std::uint32_t row_count() const { return row_count_; }
    std::uint32_t capacity() const { return capacity_; }
    std::uint32_t live_count() const { return ids_.size(); }
    // One bit a row, the lowest first; capacity() / 64 words.
    std::span<const std::uint64_t> live() const { return live_; }
    bool is_live(Row row) const {
        return row < row_count_ && (live_[row / 64] >> (row % 64) & 1) != 0;
    }

    std::optional<Row> find(const Key& key) const { return ids_.find(key); }
    Key key(Row row) const { return ids_.key(row); }  // only of a live row
    // The live rows in key order; good until the next put or remove.
    const Ids& ids() const { return ids_; }
    // visit(row), which says whether to go on, from the first row with this key or beyond.
    template <class Visit>
    void for_each_from(const Key& key, Visit&& visit) const {
        for (auto at = ids_.from(key); at != ids_.end(); ++at)
            if (!visit(*at)) return;
    }

    // The column of a path in canonical form, made of keys alone: what stands below an array or
    // follows an index is found in the array's value. Null: undefined in every row. Paths into
    // $metadata are not kept and give null, too (`is_metadata` tells).
    const Column* column(std::span<const query::Segment> path) const;
    const Column* column(const query::Path& path) const { return column(path.segments); }
    static bool is_metadata(std::span<const query::Segment> path);

    // visit(name, column) for every key directly below an object's path that some row has, in the
    // order of the names; $version last. Below the root: the system properties, tags, properties.
    void for_each_child(std::span<const query::Segment> path,
                        const SystemColumns::Visit& visit) const;

    // Rises with every change of any row.
    std::uint64_t revision() const { return revision_; }

    void watch(Observer& observer);
    void unwatch(Observer& observer);

    // Creates or replaces the row of this identity. When it exists, `was` is the twin that it has
    // now; without it every column has to be asked, which is slow.
    Row put(const twin::IdentityFacts& facts, const twin::Twin& twin,
            const twin::Twin* was = nullptr);
    // From `was`, which the row has now, to `is`: looks only at what they do not share.
    void change(Row row, const twin::Twin& was, const twin::Twin& is);
    void set_facts(Row row, const twin::IdentityFacts& facts);  // all but the ids
    void set_presence(Row row, bool connected, Instant last_activity);
    void set_message_count(Row row, std::uint64_t messages);
    // How the row's twin stands; cells that are not named stay.
    void set_drift(Row row, const DriftRow& drift);
    void set_overlay(Row row, const DriftOverlay& overlay, std::span<const DriftCell> cells);
    void set_drift_cells(Row row, std::span<const DriftCell> cells);
    std::optional<twin::drift::State> drift_state(Row row) const {
        return system_.drift_state(row);
    }
    Instant drift_since(Row row) const { return system_.drift_since(row); }
    std::uint32_t drift_count(Row row, twin::drift::State state) const {
        return system_.drift_count(row, state);
    }
    void set_connection(Row row, const ConnectionFacts& connection);
    // What configurations are to the row's twin: their status by id; nullptr: there are none.
    void set_configurations(Row row, const twin::Object* configurations);
    std::shared_ptr<const twin::Object> configurations(Row row) const;
    // What stands beside the document of a row: $drift and $connection.
    json::object pseudo(Row row) const;
    // Of the drift, cells stay: take them away before.
    void remove(Row row, const twin::Twin* was = nullptr);

    // Many new rows at once, as at a start: about so many will come, in runs of rising keys. Until
    // the end only `load` may be called, and nothing of them can be read. What comes out is what
    // `put` would have made. Columns grow with their rows: only so is their form the cheapest one.
    void begin_load(std::uint32_t rows);
    void load(const twin::IdentityFacts& facts, const twin::Twin& twin,
              const ConnectionFacts& connection = {}, const DriftRow* drift = nullptr);
    void load(const twin::IdentityFacts& facts, const twin::FlatTwin& twin,
              const ConnectionFacts& connection = {}, const DriftRow* drift = nullptr);
    void end_load();
    Memory memory() const;

private:
    std::pair<const PathNode*, Side> node(std::span<const query::Segment> path) const;
    void announce(Row row);
    Row next_row();
    void set_capacity(std::uint32_t capacity);

    class RowTarget;

    Row add_row(const Key& key);
    void enter(Row row, const twin::Twin& twin);
    void enter_configurations(Row row, const twin::Object& configurations);
    template <class Source>
    void load_from(const twin::IdentityFacts& facts, const Source& source,
                   const ConnectionFacts& connection, const DriftRow* drift);
    void set_cells(Row row, std::span<const DriftCell> cells);
    void set_cell(PathNode& node, std::span<const std::string_view> keys, Row row,
                  std::optional<twin::drift::State> state);
    void add_cells(const PathNode& node, Row row, std::string& path, std::size_t depth,
                   json::object& at) const;
    void load_staged();
    void load_staged(StagedNode& staged);
    void replace(Row row, const twin::Twin& was, const twin::Twin& is);
    void leave_all(Row row);
    void set(PathNode& node, Side side, Row row, const query::Value& value);
    void enter(PathNode& node, Side side, Row row, const twin::Node& value);
    void leave(PathNode& node, Side side, Row row, const twin::Node& value);
    void leave_child(PathNode& node, Side side, Row row, const twin::Member& member);
    void leave_all(PathNode& node, Side side, Row row);
    void differ(PathNode& node, Side side, Row row, const twin::Node& was, const twin::Node& is);
    void differ_child(PathNode& node, Side side, Row row, const twin::Member& was,
                      const twin::Member& is);

    std::uint32_t row_count_ = 0;
    std::uint32_t capacity_ = 0;
    std::uint32_t expected_ = 0;
    std::uint32_t first_gap_ = 0;  // no free row in a word of `live_` before this one
    std::vector<std::uint64_t> live_;
    std::uint64_t revision_ = 0;
    Ids ids_;
    SystemColumns system_;
    PathNode tags_;
    PathNode properties_;
    PathNode configurations_;
    std::unique_ptr<Staging> staging_;  // during a load
    std::vector<Observer*> observers_;
};

}  // namespace twinhub::fleet

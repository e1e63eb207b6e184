#pragma once

#include "fleet/column.h"
#include "fleet/connection_facts.h"
#include "fleet/drift_facts.h"
#include "query/plan.h"
#include "twin/view.h"

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace twinhub::fleet {

// What the service view shows of a twin beside its three parts (spec twin-document 1).
enum class Field : std::uint8_t {
    device_id,
    module_id,
    etag,
    device_etag,
    status,
    status_reason,
    status_update_time,
    connection_state,
    last_activity_time,
    cloud_to_device_message_count,
    authentication_type,
    thumbprints,  // the object; then its two members
    primary_thumbprint,
    secondary_thumbprint,
    model_id,
    version,
    properties,  // the object
    desired_version,
    reported_version,
    capabilities,  // the object
    iot_edge,
    device_scope,
    parent_scopes,
    // Beside the view: what the hub knows of drift and connection.
    drift_state,
    drift_since,
    drift_reason,
    drift_path,
    drift_code,
    drift_words,
    drift_converge_seconds,
    drift_converged,  // numbers of properties
    drift_pending,
    drift_offline,
    drift_stale,
    drift_drifted,
    drift_rejected,
    connection_since,
    connection_reason,
    connection_protocol
};
inline constexpr std::size_t field_count = 39;

class Staging;

// The columns of these fields.
class SystemColumns {
public:
    SystemColumns(const Ids& ids, const std::uint32_t& capacity);

    // Null when the path names none of them, or no row has it.
    const Column* find(std::span<const query::Segment> path) const;

    using Visit = std::function<void(std::string_view name, const Column& column)>;
    // Those directly below a path, that some row has.
    void for_each_child(std::span<const query::Segment> path, const Visit& visit) const;

    void set_facts(Row row, const twin::IdentityFacts& facts);
    // set_facts and set_model of a row that has nothing yet; `load` completes them.
    void stage(Row row, const twin::IdentityFacts& facts, std::string_view model_id,
               Staging& staging);
    void load(Staging& staging);
    void set_presence(Row row, bool connected, Instant last_activity);
    void set_message_count(Row row, std::uint64_t messages);
    void set_drift(Row row, const DriftFacts& drift);
    void stage_drift(Row row, const DriftFacts& drift, Staging& staging);
    void set_overlay(Row row, const DriftOverlay& overlay);
    std::optional<twin::drift::State> drift_state(Row row) const;
    Instant drift_since(Row row) const;
    std::uint32_t drift_count(Row row, twin::drift::State state) const;
    void set_connection(Row row, const ConnectionFacts& connection);
    void stage_connection(Row row, const ConnectionFacts& connection, Staging& staging);
    bool shows_connection(Row row, const ConnectionFacts& connection) const;
    // $drift and $connection of a row as members of an object.
    void add_pseudo(Row row, json::object& members) const;
    void set_versions(Row row, const twin::Versions& versions);
    void set_versions(Row row, const twin::Versions& was, const twin::Versions& is);
    void set_model(Row row, std::string_view model_id);
    void clear(Row row);
    void resize();

    std::size_t column_bytes() const;
    std::size_t dictionary_bytes() const;

private:
    struct Slot {
        Slot(const Ids& ids, bool modules) : column(ids, modules) {}
        Slot(Content content, const std::uint32_t& capacity)
            : column(content, capacity, &dictionary) {}
        Dictionary dictionary;
        Column column;
    };
    void set(Field field, Row row, const query::Value& value);
    Column& column(Field field) { return slots_[static_cast<std::size_t>(field)]->column; }

    std::array<std::unique_ptr<Slot>, field_count> slots_;
};

}  // namespace twinhub::fleet

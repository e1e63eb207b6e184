#include "fleet/system_columns.h"

#include "base/json.h"
#include "fleet/scan/trees.h"
#include "fleet/staging.h"

#include <algorithm>
#include <limits>

namespace twinhub::fleet {
namespace {

using query::Value;

// In the order of Field and of the service view.
struct FieldInfo {
    Content content;
    std::array<std::string_view, 3> path;  // empty beyond its end
};
constexpr std::array<FieldInfo, field_count> fields{{
    {Content::ids, {"deviceId"}},
    {Content::ids, {"moduleId"}},
    {Content::etags, {"etag"}},
    {Content::values, {"deviceEtag"}},
    {Content::values, {"status"}},
    {Content::values, {"statusReason"}},
    {Content::times, {"statusUpdateTime"}},
    {Content::values, {"connectionState"}},
    {Content::times, {"lastActivityTime"}},
    {Content::values, {"cloudToDeviceMessageCount"}},
    {Content::values, {"authenticationType"}},
    {Content::values, {"x509Thumbprint"}},
    {Content::values, {"x509Thumbprint", "primaryThumbprint"}},
    {Content::values, {"x509Thumbprint", "secondaryThumbprint"}},
    {Content::values, {"modelId"}},
    {Content::counters, {"version"}},
    {Content::values, {"properties"}},
    {Content::counters, {"properties", "desired", "$version"}},
    {Content::counters, {"properties", "reported", "$version"}},
    {Content::values, {"capabilities"}},
    {Content::values, {"capabilities", "iotEdge"}},
    {Content::values, {"deviceScope"}},
    {Content::values, {"parentScopes"}},
    {Content::values, {"$drift", "state"}},
    {Content::times, {"$drift", "since"}},
    {Content::values, {"$drift", "reason"}},
    {Content::values, {"$drift", "path"}},
    {Content::values, {"$drift", "code"}},
    {Content::values, {"$drift", "words"}},
    {Content::values, {"$drift", "convergeSeconds"}},
    {Content::values, {"$drift", "counts", "converged"}},
    {Content::values, {"$drift", "counts", "pending"}},
    {Content::values, {"$drift", "counts", "offline"}},
    {Content::values, {"$drift", "counts", "stale"}},
    {Content::values, {"$drift", "counts", "drifted"}},
    {Content::values, {"$drift", "counts", "rejected"}},
    {Content::times, {"$connection", "since"}},
    {Content::values, {"$connection", "reason"}},
    {Content::values, {"$connection", "protocol"}},
}};
static_assert(static_cast<std::size_t>(Field::connection_protocol) + 1 == field_count);

constexpr std::size_t length(const FieldInfo& info) {
    return static_cast<std::size_t>(std::ranges::find(info.path, "") - info.path.begin());
}

bool starts_with(const FieldInfo& info, std::span<const query::Segment> path) {
    if (path.size() > length(info)) return false;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const std::string* key = std::get_if<std::string>(&path[i]);
        if (key == nullptr || *key != info.path[i]) return false;
    }
    return true;
}

Value connection_value(bool connected) {
    return Value::string(connected ? "Connected" : "Disconnected");
}
Value model_value(std::string_view model_id) { return Value::string(model_id); }

// set(field, value) for all that is known of an identity but its times; undefined: it has none.
template <class Set>
void each_fact(const twin::IdentityFacts& facts, Set&& set) {
    const auto set_text = [&](Field field, std::string_view text) {
        set(field, text.empty() ? Value() : Value::string(text));
    };
    const auto set_text_or_null = [&](Field field, std::string_view text) {
        set(field, text.empty() ? Value::null() : Value::string(text));
    };
    set(Field::device_etag, Value::string(facts.device_etag));
    set(Field::status, Value::string(facts.enabled ? "enabled" : "disabled"));
    set_text(Field::status_reason, facts.status_reason);
    set(Field::connection_state, connection_value(facts.connected));
    set(Field::cloud_to_device_message_count,
        Value::number(static_cast<double>(facts.cloud_to_device_message_count)));
    set(Field::authentication_type, Value::string(facts.authentication_type));
    set_text_or_null(Field::primary_thumbprint, facts.primary_thumbprint);
    set_text_or_null(Field::secondary_thumbprint, facts.secondary_thumbprint);
    for (const Field object : {Field::thumbprints, Field::properties, Field::capabilities})
        set(object, Value::object_mark());
    set(Field::iot_edge, Value::boolean(facts.iot_edge));
    set_text(Field::device_scope, facts.device_scope);
    if (facts.parent_scopes.empty()) return set(Field::parent_scopes, Value());
    json::array scopes;
    for (const std::string& scope : facts.parent_scopes) scopes.emplace_back(scope);
    const json::value tree = std::move(scopes);
    set(Field::parent_scopes, Value::of(tree));
}

}  // namespace

namespace {

using twin::drift::State;

constexpr Field count_field(State state) {
    return static_cast<Field>(static_cast<std::size_t>(Field::drift_converged) +
                              static_cast<std::size_t>(state) -
                              static_cast<std::size_t>(State::converged));
}
static_assert(count_field(State::rejected) == Field::drift_rejected);

Value text_or_nothing(std::string_view text) {
    return text.empty() ? Value() : Value::string(text);
}

// set(field, value) for all that is known of a drift but its time; undefined: there is none.
template <class Set>
void each_fact(const DriftFacts& drift, Set&& set) {
    set(Field::drift_state, Value::string(name_of(drift.state)));
    set(Field::drift_reason, text_or_nothing(name_of(drift.reason)));
    // The path of a property may be empty: what tells is whether there is a reason.
    set(Field::drift_path,
        drift.reason == twin::drift::Reason::none ? Value() : Value::string(drift.path));
    set(Field::drift_code, drift.code ? Value::number(static_cast<double>(*drift.code)) : Value());
    set(Field::drift_words, text_or_nothing(drift.words));
    set(Field::drift_converge_seconds,
        drift.converge_seconds ? Value::number(*drift.converge_seconds) : Value());
    for (const State state : twin::drift::states) {
        if (state == State::untracked) continue;
        const std::uint32_t count = drift.counts[twin::drift::index_of(state)];
        set(count_field(state), count != 0 ? Value::number(count) : Value());
    }
}

}  // namespace

SystemColumns::SystemColumns(const Ids& ids, const std::uint32_t& capacity) {
    for (std::size_t i = 0; i < field_count; ++i) {
        if (fields[i].content == Content::ids)
            slots_[i] = std::make_unique<Slot>(ids, static_cast<Field>(i) == Field::module_id);
        else slots_[i] = std::make_unique<Slot>(fields[i].content, capacity);
    }
}

const Column* SystemColumns::find(std::span<const query::Segment> path) const {
    for (std::size_t i = 0; i < field_count; ++i) {
        if (length(fields[i]) != path.size() || !starts_with(fields[i], path)) continue;
        const Column& column = slots_[i]->column;
        return column.count() > 0 ? &column : nullptr;
    }
    return nullptr;
}

void SystemColumns::for_each_child(std::span<const query::Segment> path, const Visit& visit) const {
    for (std::size_t i = 0; i < field_count; ++i)
        if (length(fields[i]) == path.size() + 1 && starts_with(fields[i], path) &&
            slots_[i]->column.count() > 0)
            visit(fields[i].path[path.size()], slots_[i]->column);
}

void SystemColumns::set(Field field, Row row, const Value& value) {
    Slot& slot = *slots_[static_cast<std::size_t>(field)];
    if (!slot.column.set(row, value)) return;
    if (slot.column.wants_renumbering()) slot.column.recode(slot.dictionary.renumber());
}

void SystemColumns::set_facts(Row row, const twin::IdentityFacts& facts) {
    each_fact(facts, [&](Field field, const Value& value) { set(field, row, value); });
    column(Field::status_update_time).set(row, facts.status_update_time);
    column(Field::last_activity_time).set(row, facts.last_activity_time);
}

void SystemColumns::stage(Row row, const twin::IdentityFacts& facts, std::string_view model_id,
                          Staging& staging) {
    const auto put = [&](Field field, const Value& value) {
        if (!value.is(query::Type::undefined)) staging.add(staging.cells(field), row, value);
    };
    each_fact(facts, put);
    put(Field::model_id, model_value(model_id));
    column(Field::status_update_time).set(row, facts.status_update_time);
    column(Field::last_activity_time).set(row, facts.last_activity_time);
}

void SystemColumns::load(Staging& staging) {
    for (std::size_t i = 0; i < field_count; ++i) {
        auto& cells = staging.cells(static_cast<Field>(i));
        slots_[i]->column.load(cells);
        cells.clear();
    }
}

void SystemColumns::set_presence(Row row, bool connected, Instant last_activity) {
    set(Field::connection_state, row, connection_value(connected));
    column(Field::last_activity_time).set(row, last_activity);
}

void SystemColumns::set_message_count(Row row, std::uint64_t messages) {
    set(Field::cloud_to_device_message_count, row, Value::number(static_cast<double>(messages)));
}

void SystemColumns::set_drift(Row row, const DriftFacts& drift) {
    each_fact(drift, [&](Field field, const Value& value) { set(field, row, value); });
    column(Field::drift_since).set(row, drift.since);
}

void SystemColumns::stage_drift(Row row, const DriftFacts& drift, Staging& staging) {
    each_fact(drift, [&](Field field, const Value& value) {
        if (!value.is(query::Type::undefined)) staging.add(staging.cells(field), row, value);
    });
    column(Field::drift_since).set(row, drift.since);
}

void SystemColumns::set_overlay(Row row, const DriftOverlay& overlay) {
    for (const State state : {State::pending, State::offline, State::stale})
        set(count_field(state), row,
            state == overlay.waiting ? Value::number(overlay.count) : Value());
    if (!overlay.is_state_of_twin) return;
    set(Field::drift_state, row, Value::string(name_of(overlay.waiting)));
    column(Field::drift_since).set(row, overlay.since);
}

std::optional<State> SystemColumns::drift_state(Row row) const {
    Scratch scratch;
    const Value value =
        slots_[static_cast<std::size_t>(Field::drift_state)]->column.value(row, scratch);
    if (!value.is(query::Type::string)) return std::nullopt;
    return twin::drift::state_of(value.string());
}

Instant SystemColumns::drift_since(Row row) const {
    return slots_[static_cast<std::size_t>(Field::drift_since)]->column.instant(row).value_or(
        never);
}

std::uint32_t SystemColumns::drift_count(Row row, State state) const {
    Scratch scratch;
    const Value value =
        slots_[static_cast<std::size_t>(count_field(state))]->column.value(row, scratch);
    return value.is(query::Type::number) ? static_cast<std::uint32_t>(value.number()) : 0;
}

void SystemColumns::set_connection(Row row, const ConnectionFacts& connection) {
    Column& times = column(Field::connection_since);
    if (connection.since > never) times.set(row, connection.since);
    else times.clear(row);
    set(Field::connection_reason, row, text_or_nothing(connection.reason));
    set(Field::connection_protocol, row, text_or_nothing(connection.protocol));
}

void SystemColumns::stage_connection(Row row, const ConnectionFacts& connection, Staging& staging) {
    if (connection.since > never) column(Field::connection_since).set(row, connection.since);
    for (const auto& [field, text] : {std::pair(Field::connection_reason, connection.reason),
                                      std::pair(Field::connection_protocol, connection.protocol)})
        if (!text.empty()) staging.add(staging.cells(field), row, Value::string(text));
}

bool SystemColumns::shows_connection(Row row, const ConnectionFacts& connection) const {
    const auto shows = [&](Field field, std::string_view text) {
        Scratch scratch;
        const Value value = slots_[static_cast<std::size_t>(field)]->column.value(row, scratch);
        return value.is(query::Type::string) ? value.string() == text : text.empty();
    };
    const Column& times = slots_[static_cast<std::size_t>(Field::connection_since)]->column;
    return times.instant(row).value_or(never) == connection.since &&
           shows(Field::connection_reason, connection.reason) &&
           shows(Field::connection_protocol, connection.protocol);
}

void SystemColumns::add_pseudo(Row row, json::object& members) const {
    Scratch scratch;
    for (auto i = static_cast<std::size_t>(Field::drift_state); i < field_count; ++i) {
        const Value value = slots_[i]->column.value(row, scratch);
        if (value.is(query::Type::undefined)) continue;
        json::object* object = &members;
        const std::size_t depth = length(fields[i]);
        for (std::size_t step = 0; step + 1 < depth; ++step) {
            json::value& below = (*object)[fields[i].path[step]];
            if (!below.is_object()) below.emplace_object();
            object = &below.get_object();
        }
        (*object)[fields[i].path[depth - 1]] = to_json(value);
    }
}

// Each counter that stays is a cache miss saved.
void SystemColumns::set_versions(Row row, const twin::Versions& was, const twin::Versions& is) {
    const auto set_counter = [&](Field field, std::uint64_t before, std::uint64_t after) {
        if (before != after) column(field).set(row, Value::number(static_cast<double>(after)));
    };
    set_counter(Field::version, was.version, is.version);
    set_counter(Field::etag, was.etag, is.etag);
    set_counter(Field::desired_version, was.desired, is.desired);
    set_counter(Field::reported_version, was.reported, is.reported);
}

void SystemColumns::set_versions(Row row, const twin::Versions& versions) {
    constexpr std::uint64_t other = std::numeric_limits<std::uint64_t>::max();
    set_versions(row, {other, other, other, other}, versions);
}

void SystemColumns::set_model(Row row, std::string_view model_id) {
    set(Field::model_id, row, model_value(model_id));
}

void SystemColumns::clear(Row row) {
    for (std::size_t i = 0; i < field_count; ++i)
        if (fields[i].content == Content::times) slots_[i]->column.clear(row);
        else if (fields[i].content != Content::ids) set(static_cast<Field>(i), row, Value());
}

void SystemColumns::resize() {
    for (const auto& slot : slots_) slot->column.resize();
}

std::size_t SystemColumns::column_bytes() const {
    std::size_t bytes = 0;
    for (const auto& slot : slots_) bytes += sizeof(Column) + slot->column.bytes();
    return bytes;
}

std::size_t SystemColumns::dictionary_bytes() const {
    std::size_t bytes = 0;
    for (const auto& slot : slots_) bytes += sizeof(Dictionary) + slot->dictionary.bytes();
    return bytes;
}

}  // namespace twinhub::fleet

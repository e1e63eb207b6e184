#include "fleet/system_columns.h"

#include "base/json.h"
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
}};
static_assert(static_cast<std::size_t>(Field::parent_scopes) + 1 == field_count);

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

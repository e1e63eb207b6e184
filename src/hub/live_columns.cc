#include "hub/live_columns.h"

#include "hub/views.h"

namespace twinhub::hub {
namespace {

fleet::Key key_of(const TwinId& id) { return {id.device.text(), id.module.text()}; }

// A twin as it was shown. Its trees are shared with the versions that follow.
class OldTwin final : public fleet::OldRow {
public:
    OldTwin(TwinView view, json::object pseudo)
        : view_(std::move(view)), pseudo_(std::move(pseudo)) {}

    std::size_t bytes() const override {
        // A change replaces the objects on its way, not the leaves beside it; the keys are copied.
        std::size_t size = sizeof *this;
        for (const twin::Part part : twin::parts) size += 2 * view_.twin.part(part).size();
        return size;
    }
    json::object document() const override {
        json::object document = document_of(view_);
        for (const auto& [key, value] : pseudo_) document[key] = value;
        return document;
    }

private:
    TwinView view_;
    json::object pseudo_;  // $drift and $connection
};

}  // namespace

void RowChange::complete(const TwinView& view) {
    for (std::optional<TwinView>* side : {&was, &is}) {
        (*side)->identity = view.identity;
        (*side)->twin = view.twin;
    }
    is_loaded = true;
}

void LiveColumns::begin_load(std::uint64_t devices, std::uint64_t modules) {
    devices_.begin_load(static_cast<std::uint32_t>(devices));
    modules_.begin_load(static_cast<std::uint32_t>(modules));
}

void LiveColumns::end_load() {
    devices_.end_load();
    modules_.end_load();
}

void LiveColumns::load(const Identity& identity, const twin::Twin& twin, const Presence& presence,
                       const fleet::DriftRow& drift) {
    std::string etag;
    table_of(identity.id)
        .load(facts_of(identity, presence, etag), twin, connection_facts_of(presence), &drift);
}

void LiveColumns::load(const Identity& identity, const twin::FlatTwin& twin,
                       const Presence& presence, const fleet::DriftRow& drift) {
    std::string etag;
    table_of(identity.id)
        .load(facts_of(identity, presence, etag), twin, connection_facts_of(presence), &drift);
}

// What the row shows until it is shown otherwise.
void LiveColumns::changing(const TwinId& id, const Entry* entry) {
    changing_ = {};
    if (entry == nullptr || !entry->durable.exists()) return;
    changing_ = {&entry->durable, &entry->presence, &table_of(id), nullptr};
}

void LiveColumns::show_drift(const TwinId& id, fleet::Row row, const fleet::DriftRow& drift,
                             const Entry* entry) {
    changing(id, entry);
    table_of(id).set_drift(row, drift);
    changing_ = {};
}

void LiveColumns::show_overlay(const TwinId& id, fleet::Row row, const fleet::DriftOverlay& overlay,
                               std::span<const fleet::DriftCell> cells, const Entry* entry) {
    changing(id, entry);
    table_of(id).set_overlay(row, overlay, cells);
    changing_ = {};
}

void LiveColumns::clear_drift(const TwinId& id, fleet::Row row,
                              std::span<const fleet::DriftCell> cells, const Entry* entry) {
    changing(id, entry);
    table_of(id).set_drift_cells(row, cells);
    changing_ = {};
}

void LiveColumns::commit(const Entry& entry, const State& next, const Presence& presence) {
    fleet::Table& table = table_of(entry.id);
    const State& was = entry.durable;
    changing_ = {&was, &presence, &table, nullptr};
    std::string etag;
    std::optional<RowChange> change;
    if (listener_ != nullptr) change.emplace(RowChange{.id = entry.id});
    auto row = was.exists() ? table.find(key_of(entry.id)) : std::nullopt;
    if (change && row) change->was = {was.identity, was.twin, shown(table, *row)};
    if (!was.exists()) {
        if (next.exists()) row = table.put(facts_of(*next.identity, presence, etag), next.twin);
        if (row) table.set_connection(*row, connection_facts_of(presence));
    } else if (row) {
        if (!next.exists()) {
            table.remove(*row, &was.twin);
        } else {
            table.change(*row, was.twin, next.twin);
            if (next.identity != was.identity)
                table.set_facts(*row, facts_of(*next.identity, presence, etag));
        }
    }
    changing_ = {};
    if (!change || !row) return;
    if (next.exists()) change->is = {next.identity, next.twin, shown(table, *row)};
    listener_->changed(std::move(*change));
}

void LiveColumns::see(const TwinId& id, const Presence& presence, const Entry* entry) {
    fleet::Table& table = table_of(id);
    const auto row = table.find(key_of(id));
    if (!row) return;
    const bool in_memory = entry != nullptr && entry->durable.exists();
    if (in_memory) changing_ = {&entry->durable, &entry->presence, &table, nullptr};
    std::optional<RowChange> change;
    if (listener_ != nullptr) {
        change.emplace(RowChange{.id = id, .is_loaded = in_memory});
        change->was.emplace().presence = shown(table, *row);
        Presence& now = change->is.emplace().presence;
        now.messages = change->was->presence.messages;
        now.configurations = change->was->presence.configurations;
        now.connected = presence.connected;
        now.last_activity = presence.last_activity;
        if (in_memory) change->complete({entry->durable.identity, entry->durable.twin, {}});
    }
    table.set_presence(*row, presence.connected, presence.last_activity);
    table.set_connection(*row, connection_facts_of(presence));
    changing_ = {};
    if (change && change->was->presence != change->is->presence)
        listener_->changed(std::move(*change));
}

void LiveColumns::see_messages(const TwinId& id, std::uint32_t messages, const Entry* entry) {
    fleet::Table& table = table_of(id);
    const auto row = table.find(key_of(id));
    if (!row) return;
    const bool in_memory = entry != nullptr && entry->durable.exists();
    if (in_memory) changing_ = {&entry->durable, &entry->presence, &table, nullptr};
    std::optional<RowChange> change;
    if (listener_ != nullptr) {
        change.emplace(RowChange{.id = id, .is_loaded = in_memory});
        change->was.emplace().presence = shown(table, *row);
        change->is.emplace().presence = change->was->presence;
        change->is->presence.messages = messages;
        if (in_memory) change->complete({entry->durable.identity, entry->durable.twin, {}});
    }
    table.set_message_count(*row, messages);
    changing_ = {};
    if (change && change->was->presence != change->is->presence)
        listener_->changed(std::move(*change));
}

void LiveColumns::see_configurations(const TwinId& id,
                                     const std::shared_ptr<const twin::Object>& configurations,
                                     const Entry* entry) {
    fleet::Table& table = table_of(id);
    const auto row = table.find(key_of(id));
    if (!row) return;
    const bool in_memory = entry != nullptr && entry->durable.exists();
    if (in_memory) changing_ = {&entry->durable, &entry->presence, &table, nullptr};
    std::optional<RowChange> change;
    if (listener_ != nullptr) {
        change.emplace(RowChange{.id = id, .is_loaded = in_memory});
        change->was.emplace().presence = shown(table, *row);
        change->is.emplace().presence = change->was->presence;
        change->is->presence.configurations = configurations;
        if (in_memory) change->complete({entry->durable.identity, entry->durable.twin, {}});
    }
    table.set_configurations(*row, configurations.get());
    changing_ = {};
    if (change) listener_->changed(std::move(*change));
}

bool LiveColumns::has_model(const TwinId& id, std::string_view model_id) const {
    static const query::Path path{.segments = {"modelId"}};
    const fleet::Table& table = table_of(id);
    const auto row = table.find(key_of(id));
    const fleet::Column* column = row ? table.column(path) : nullptr;
    if (column == nullptr) return false;
    fleet::Scratch scratch;
    const query::Value model = column->value(*row, scratch);
    return model.is(query::Type::string) && model.string() == model_id;
}

// What a row shows of its presence, which is all that services see of it.
Presence LiveColumns::shown(const fleet::Table& table, fleet::Row row) {
    static const query::Path state{.segments = {"connectionState"}};
    static const query::Path activity{.segments = {"lastActivityTime"}};
    static const query::Path messages{.segments = {"cloudToDeviceMessageCount"}};
    fleet::Scratch scratch;
    Presence presence;
    if (const fleet::Column* column = table.column(state))
        presence.connected = column->value(row, scratch).string() == "Connected";
    if (const fleet::Column* column = table.column(activity))
        presence.last_activity = column->instant(row).value_or(never);
    if (const fleet::Column* column = table.column(messages))
        presence.messages = static_cast<std::uint32_t>(column->value(row, scratch).number());
    presence.configurations = table.configurations(row);
    return presence;
}

fleet::KeepRow LiveColumns::keep() {
    return [this](fleet::Row row) -> std::shared_ptr<const fleet::OldRow> {
        if (!changing_.kept && changing_.state != nullptr)
            changing_.kept = std::make_shared<const OldTwin>(
                TwinView{changing_.state->identity, changing_.state->twin, *changing_.presence},
                changing_.table->is_live(row) ? changing_.table->pseudo(row) : json::object{});
        return changing_.kept;
    };
}

}  // namespace twinhub::hub

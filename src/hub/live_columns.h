#pragma once

#include "fleet/scan/old_row.h"
#include "fleet/table.h"
#include "hub/state.h"
#include "hub/views.h"
#include "query/plan.h"

#include <memory>
#include <optional>
#include <string_view>

namespace twinhub::hub {

// A row that became another one, as services saw it before and see it now; nothing where there was
// or is none. Of a device that was only seen while its twin is not in memory, both lack everything
// but the presence (`is_loaded` is false).
struct RowChange {
    TwinId id;
    std::optional<TwinView> was;
    std::optional<TwinView> is;
    bool is_loaded = true;

    // Puts the identity and the twin of `view` into both.
    void complete(const TwinView& view);
};

// The columns of a shard's twins (design, idea 3): what its queries read. They change at the moment
// when a change becomes durable, before anybody hears of it. On the shard's loop.
class LiveColumns {
public:
    // At start, before the loop runs.
    void begin_load(std::uint64_t devices, std::uint64_t modules);  // about so many will come
    void load(const Identity& identity, const twin::Twin& twin, const Presence& presence,
              const fleet::DriftRow& drift);
    void load(const Identity& identity, const twin::FlatTwin& twin, const Presence& presence,
              const fleet::DriftRow& drift);
    void end_load();

    // The entry is about to show `next` instead of its durable state.
    void commit(const Entry& entry, const State& next, const Presence& presence);
    // A device was seen; `entry` when it is in memory, as it is shown now.
    void see(const TwinId& id, const Presence& presence, const Entry* entry);
    // It has another number of messages.
    void see_messages(const TwinId& id, std::uint32_t messages, const Entry* entry);

    // Configurations are something else to it; nullptr: none is.
    void see_configurations(const TwinId& id,
                            const std::shared_ptr<const twin::Object>& configurations,
                            const Entry* entry);

    // How the twin of a row stands (ShardDrift).
    void show_drift(const TwinId& id, fleet::Row row, const fleet::DriftRow& drift,
                    const Entry* entry);
    void show_overlay(const TwinId& id, fleet::Row row, const fleet::DriftOverlay& overlay,
                      std::span<const fleet::DriftCell> cells, const Entry* entry);
    // The row is about to go: its cells go first.
    void clear_drift(const TwinId& id, fleet::Row row, std::span<const fleet::DriftCell> cells,
                     const Entry* entry);

    bool has_model(const TwinId& id, std::string_view model_id) const;

    fleet::Table& table(query::Collection collection) {
        return collection == query::Collection::modules ? modules_ : devices_;
    }
    // Keeps rows that are about to change for scans that must not see it.
    fleet::KeepRow keep();

    // Told of each change of a row, right after it.
    class Listener {
    public:
        virtual ~Listener() = default;
        virtual void changed(RowChange change) = 0;
    };
    // One at a time; nullptr: nobody.
    void listen(Listener* listener) { listener_ = listener; }

private:
    // What the row that is changing shows now.
    struct Changing {
        const State* state = nullptr;
        const Presence* presence = nullptr;
        const fleet::Table* table = nullptr;
        std::shared_ptr<const fleet::OldRow> kept;  // made when the first asks for it
    };

    fleet::Table& table_of(const TwinId& id) { return id.is_module() ? modules_ : devices_; }
    const fleet::Table& table_of(const TwinId& id) const {
        return id.is_module() ? modules_ : devices_;
    }
    static Presence shown(const fleet::Table& table, fleet::Row row);

    void changing(const TwinId& id, const Entry* entry);

    fleet::Table devices_;
    fleet::Table modules_;
    Changing changing_;
    Listener* listener_ = nullptr;
};

}  // namespace twinhub::hub

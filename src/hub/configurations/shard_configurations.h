#pragma once

#include "base/task.h"
#include "hub/configurations/applied.h"
#include "hub/configurations/configuration_set.h"
#include "hub/configurations/wanted_by.h"
#include "hub/lanes.h"
#include "hub/settings.h"
#include "hub/state.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace twinhub::hub {

class Shard;
struct Entry;

// What configurations make of the twins of a shard. Twins that changed are marked, and looked at in
// the turns that follow, off the way of who changed them; a pass over the fleet brings further
// ones. What is done to a twin goes with what is remembered of it in one commit. On the shard's
// loop.
class ShardConfigurations {
public:
    explicit ShardConfigurations(Shard& shard);
    ~ShardConfigurations();

    // --- at start, before the loop runs ----------------------------------------------------------
    // Reads what is stored for a slot. Errors: corrupted, which names the record.
    Result<> recover(Slot slot);
    // The highest revision that a twin was settled with.
    std::uint64_t last_revision() const { return last_revision_; }
    // Marks the twins that were settled with what is no longer so.
    void mark_outdated();

    // How configurations stand to the twin, as services see it; nullptr: none targets it.
    std::shared_ptr<const twin::Object> shown(const TwinId& id) const;

    // What they made of it, durably; nullptr: nothing.
    const Applied* applied(const TwinId& id) const;

    // Who wants these desired properties of a twin, and who has them. `device`: of a module, the
    // device that it is on.
    WantedPaths wanted_by(const TwinId& id, const State& state, const State* device,
                          std::span<const std::string> paths) const;

    // What holds from now on.
    void use(ConfigurationSetPtr set) { set_ = std::move(set); }
    // A change is durable and shown.
    void changed(const TwinId& id, const State& before, const State& after);
    void tick();

    // Twins that a pass for one configuration found.
    struct Found {
        std::string configuration;
        std::uint64_t revision = 0;  // 0: it is gone
        bool all = false;            // also those that were settled with this revision
        std::vector<TwinId> ids;
    };
    // Settles them; comes back when that is durable. Errors: unavailable: try again.
    Task<Result<>> settle(Found found);

    std::size_t waiting() const { return marked_.size(); }

private:
    // Equal ones are one object: whole fleets have the same.
    struct Kept {
        Applied applied;
        std::shared_ptr<const twin::Object> statuses;
    };
    using KeptPtr = std::shared_ptr<const Kept>;

    KeptPtr keep(const std::string& encoded, Applied applied);
    const Applied& newest(const TwinId& id) const;
    bool is_current(const TwinId& id, const Found& found) const;
    void mark(const TwinId& id);
    Task<> run();
    Task<Result<>> settle_all(std::vector<TwinId> ids);
    Task<Result<>> settle_with_modules(TwinId id);
    Task<Result<>> settle_one(TwinId id);
    void settle_now(const std::shared_ptr<Entry>& entry, const EdgeDevice* edge);
    void put(const TwinId& id, Applied next);

    Shard& shard_;
    ConfigurationSetPtr set_ = std::make_shared<const ConfigurationSet>();
    Lanes lanes_;
    std::map<TwinId, KeptPtr> applied_;                                // durable
    std::unordered_map<TwinId, KeptPtr> on_their_way_;                 // newer ones
    std::unordered_map<std::string, std::weak_ptr<const Kept>> kept_;  // by their encoded form
    std::size_t kept_swept_ = 0;
    std::unordered_set<TwinId> marked_;
    std::size_t waiting_shown_ = 0;
    std::uint64_t last_revision_ = 0;
    bool running_ = false;
    Moment next_try_{};
};

}  // namespace twinhub::hub

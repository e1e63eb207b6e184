#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/shared_value.h"
#include "base/task.h"
#include "hub/commit_queue.h"
#include "hub/connections/shard_connections.h"
#include "hub/device_door.h"
#include "hub/drift/shard_drift.h"
#include "hub/identity_rules.h"
#include "hub/lanes.h"
#include "hub/live_columns.h"
#include "hub/messages/message_queues.h"
#include "hub/methods/method_calls.h"
#include "hub/record.h"
#include "hub/settings.h"
#include "hub/shard_live.h"
#include "hub/shard_queries.h"
#include "hub/slot_facts.h"
#include "hub/start_progress.h"
#include "hub/state.h"
#include "hub/twin_watch.h"
#include "hub/views.h"
#include "store/engine.h"
#include "store/keys.h"
#include "store/record.h"
#include "twin/apply.h"
#include "twin/etag.h"

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

namespace twinhub::hub {

using EntryPtr = std::shared_ptr<Entry>;
class SeriesNames;
class ShardConfigurations;
class ShardSeries;
struct TwinDrift;
class ReleasedChanges;

// The part of a hub that lives on one loop: the slots of the device ids that hash to it, their
// identities, twins and connections. Everything here runs on that loop, except `shown_view`.
// A change is computed against the newest state, and shown to anybody only when it is durable.
class Shard {
public:
    struct Parts {
        const Settings& settings;
        store::Engine& engine;
        store::Committer& committer;
        const Clock& clock;
        Random& random;
        Log& log;
        Metrics& metrics;
        Executor pool;
        std::atomic<std::uint64_t>&
            identities;  // of all shards, those on their way to disk included
        std::shared_ptr<const LiveCount> live_queries;
        const SharedValue<const x509::TrustStore>& trust;
        std::shared_ptr<FeedbackSignal> feedback;
        DeviceEvents& drift_events;
        DeviceEvents& connection_events;
        const std::vector<TwinWatch*>& watches;  // does not change once the loops run
        const ReleasedChanges& released;         // what the change feed needs no more
        SeriesNames& series_names;
    };
    Shard(std::uint32_t index, std::uint32_t count, Executor executor, const Parts& parts);
    ~Shard();

    const Executor& executor() const { return executor_; }
    bool owns(Slot slot) const { return slot % count_ == index_; }

    // Replays the changes that no stored document holds, and fills the columns. Blocks; before the
    // loop runs. Any thread.
    Result<> recover(StartProgress& progress);

    // --- the device door (gateway/): see device_door.h -----------------------------------------
    // Reads the identity alone: a fleet that signs in does not bring its twins into memory.
    Task<Result<IdentityView>> identity(TwinId id);
    // Whose credentials count when somebody connects as `id`.
    Task<Result<Claimant>> claimant(TwinId id);
    // Makes `link` the connection of `known`, which claimant() or identity() gave: nothing may wait
    // in between, or a change of the identity would be missed. An older link is ended with
    // `taken_over`.
    Attached attach(const IdentityView& known, DeviceLink& link, const AttachFacts& facts);
    // The model that a connected device names later than with attach(); nothing else of `facts`
    // counts but the client.
    void take_model(const Identity& identity, const AttachFacts& facts);
    // Nothing happens when the link is no longer the current one.
    void detach(const TwinId& id, const DeviceLink& link,
                SessionEnd why = SessionEnd::connection_lost);
    // What to restore for the next connect with clean session 0: bits that are the door's own, and
    // the names of single methods.
    void subscriptions_changed(const TwinId& id, std::uint32_t subscriptions,
                               std::vector<std::string> methods = {});
    void note_activity(const TwinId& id);
    // The link has proved itself anew (a token put again); nothing happens when it is no longer the
    // current one.
    void renewed(const TwinId& id, const DeviceLink& link, Credential credential);
    void report(const TwinId& id, twin::Patch patch, std::optional<std::uint64_t> base_version,
                const Author& author, ReportDone done);
    // Sees every report that this loop accepted before it.
    void read(const TwinId& id, ReadDone done);

    // Which methods the link takes from now on; before the first time: none.
    void takes_methods(const TwinId& id, const DeviceLink& link, TakenMethods taken);
    // The answer to DeviceLink::invoke: any status, and JSON or nothing. Dropped when nobody waits
    // for it.
    void method_answered(const TwinId& id, std::uint64_t number, int status,
                         std::string_view payload);
    // How many further messages the link takes from now on (an older number is forgotten); may
    // deliver before it returns. What a link took and did not settle goes back to its place when
    // the link ends.
    void want_messages(const TwinId& id, const DeviceLink& link, std::uint32_t credit);
    // Any message of this device, whoever received it.
    void settle_message(const TwinId& id, std::string_view lock_token, Outcome outcome,
                        SettleDone done);

    // --- services (Registry, Twins), already on this loop ---------------------------------------
    Task<Result<TwinView>> view(TwinId id);
    // The twin as committed when it is in memory; nothing says that the loop must be asked.
    // Callable on any loop: waking another one costs more than the read itself (ADR 0008).
    std::optional<TwinView> shown_view(const TwinId& id) const;
    Task<Result<TwinView>> update_twin(TwinId id, twin::ServiceUpdate update, twin::Match match,
                                       Author author);
    // Puts the twin back to its initial state, in one commit (spec twin-document 10, provisioning).
    Task<Result<TwinView>> reset_twin(TwinId id, twin::ServiceUpdate initial, Author author);
    // What the twin of a new identity holds: nothing, what a service says, or all of one that comes
    // from another hub.
    using Beginning = std::variant<std::monostate, twin::ServiceUpdate, twin::Twin>;
    Task<Result<IdentityView>> create(IdentitySpec spec, Beginning beginning, Author author);

    // What is to be written to the `index`th of many twins, made of its newest state (which exists)
    // in the turn that writes; nothing: the twin stays as it is.
    using MakeUpdate =
        std::function<Result<std::optional<twin::ServiceUpdate>>(std::size_t index, const State&)>;
    struct Changed {
        twin::Versions versions;  // of the twin from then on
        bool written = false;
    };
    // Changes many twins in one turn and one commit, in their order; answers for each when that is
    // durable. Twins that are not in memory cost one visit to the disk together. Holds the loop for
    // all of them: a few dozen. Errors: those of update_twin and of `make`.
    Task<std::vector<Result<Changed>>> update_twins(std::vector<TwinId> ids, MakeUpdate make,
                                                    Author author);
    Task<Result<IdentityView>> update(IdentitySpec spec, twin::Match match, Author author);
    Task<Result<IdentityView>> renew_keys(TwinId id, bool primary, bool secondary, Author author);
    Task<Result<>> remove(TwinId id, twin::Match match, Author author);
    void end_link(const TwinId& id, LinkEnd reason);
    // Whom the hub believes has changed: links that rested on it are looked at in the next turns.
    void trust_changed();
    Task<Result<MethodResult>> invoke(TwinId id, MethodCall call, Author author);
    void end_calls() { calls_.stop(); }
    Task<Result<std::uint64_t>> send(DeviceId device, CloudMessage message);  // its sequence
    Task<Result<std::uint64_t>> purge(DeviceId device);
    Task<Result<std::optional<LockedMessage>>> receive(DeviceId device);
    Task<Result<>> settle(DeviceId device, std::string lock_token, Outcome outcome);
    FeedbackQueue& feedback() { return feedback_; }
    Presence presence_of(const TwinId& id, const Presence& stored) const;
    std::vector<TwinId> connected() const;

    // Puts a record of standing work beside what this turn of the loop changes: durable together,
    // or lost together.
    void put_beside(std::string_view key, std::string_view value);
    // The same for records that go with no change; until they are durable.
    Task<Result<>> put_records(std::vector<std::pair<std::string, std::string>> records);

    // --- fleet queries, on this loop (Queries) ---------------------------------------------------
    ShardQueries& queries() { return fleet_queries_; }
    ShardLive& live() { return live_; }
    std::uint32_t index() const { return index_; }

    // What configurations make of the twins here (Configurations), on this loop.
    ShardConfigurations& configurations() { return *configurations_; }

    // --- connections ----------------------------------------------------------------------------
    ShardConnections& connections() { return connections_; }

    // --- the past, on this loop (Queries AS OF) -------------------------------------------------
    LiveColumns& columns() { return columns_; }
    // Of the newest change of the slot that is shown; 0: there is none.
    std::uint64_t shown_sequence(Slot slot) const;
    const DriftJudge& drift_judge() const { return drift_judge_; }

    // --- drift ----------------------------------------------------------------------------------
    const DriftCounts& drift_counts() const { return drift_.counts(); }
    std::size_t connected_devices() const { return links_.size(); }
    Task<Result<TwinDrift>> drift_of(TwinId id);
    // Paths below tags or a part of the properties, keys joined by dots; with `drifted` those where
    // some device has not converged.
    std::vector<std::string> leaf_paths(const std::vector<query::Segment>& root, bool drifted,
                                        std::size_t paths_max);

    // --- the series -----------------------------------------------------------------------------
    ShardSeries& series() { return *series_; }

    // --- upkeep: called on the loop about ten times a second ------------------------------------
    void tick();
    // Ends every link, writes every changed twin whole and waits until all of it is durable.
    Task<> drain();
    bool failing() const { return queue_.failing(); }
    const Counts& counts() const { return counts_; }
    std::size_t links() const { return links_.size(); }

private:
    friend class ShardConfigurations;
    using EntryDone = std::move_only_function<void(Result<EntryPtr>)>;
    struct Link {
        DeviceLink* link = nullptr;
        bool clean_session = true;
        Presence presence;
        Instant persisted = never;  // last_activity as stored
        Credential credential;
        TakenMethods taken;
    };
    struct Loaded {
        State state;
        Presence presence;
    };

    // entries (shard.cc)
    enum class Depth : std::uint8_t { identity, twin };  // presence is read with either
    EntryPtr find(const TwinId& id);
    const Entry* in_memory(const TwinId& id) const;  // without counting as use
    void with_entry(const TwinId& id, EntryDone done);
    void load_entry(const TwinId& id);           // for those who wait in loading_
    void load_entries(std::vector<TwinId> ids);  // the same for many
    // What load_from_disk() found, which began when `before` presences had been saved.
    void loaded_entry(const TwinId& id, std::uint64_t before, Result<Loaded> loaded);
    Task<Result<EntryPtr>> entry(TwinId id);
    Task<std::vector<Result<EntryPtr>>> entries(std::vector<TwinId> ids);
    std::optional<Result<Loaded>> load_cached(const TwinId& id, Depth depth) const;
    Result<Loaded> load_from_disk(const TwinId& id, Depth depth) const;
    struct Records {
        std::optional<std::string> identity, twin, presence;
    };
    Result<Loaded> decode(const TwinId& id, const Records& records, Depth depth) const;
    void tell_damage(const TwinId& id, const Error& error) const;
    EntryPtr adopt(const TwinId& id, Loaded loaded);
    static Error not_found(const TwinId& id);

    // changes (shard_commit.cc)
    using Settled = std::move_only_function<void(const Result<>&)>;
    std::uint64_t next_sequence(Slot slot);
    enum class Document : std::uint8_t {
        in_log,
        written
    };  // does the same batch hold the whole document?
    void stage(const EntryPtr& entry, State next, ChangeRecord record, Settled settled,
               Document document = Document::in_log);
    void stage_twin(const EntryPtr& entry, twin::Applied applied, const Author& author,
                    Settled settled);
    void put_identity(const Identity& identity);
    void put_twin(const TwinId& id, const State& state);
    void put_presence(const TwinId& id, const Presence& presence);
    bool save_presence(std::size_t count_max);  // true when nothing is left
    // The newest that goes to the store, or `stored`.
    Presence latest_presence(const TwinId& id, const Presence& stored) const;
    void put_counts(Slot slot);
    void take_back(const Error& why);
    void show(Entry& entry, State state);  // is durable now
    void show(Entry& entry, const Presence& presence);
    void hide(const TwinId& id);
    void notify(const TwinId& id, const twin::Notification& notification);
    Task<Result<>> settled();
    Task<Error> refusal(EntryPtr entry, Error error);

    // methods and messages (shard_messages.cc)
    DeviceLink* taker_of(const TwinId& id, std::string_view method) const;
    void show_messages(const TwinId& id, std::uint32_t messages);
    void show_configurations(const TwinId& id,
                             const std::shared_ptr<const twin::Object>& configurations);

    // upkeep (shard_upkeep.cc)
    void mark_changed(const EntryPtr& entry, std::uint64_t since);
    void mark_whole(const EntryPtr& entry);
    void checkpoint(bool all);
    void put_watermarks();
    void forget_unused();

    // credentials (shard_credentials.cc)
    void end_link_without_credential(const TwinId& id, const Identity& identity);
    void judge_links();
    void count_certificate(const Link& link, int by);
    void tell_expiry(Moment now);

    // history (shard_upkeep.cc)
    void forget_changes();
    void forget_sessions();

    // identities (shard_registry.cc)
    Task<Result<std::vector<TwinId>>> modules_of(DeviceId device);
    Task<Result<IdentityView>> create_alone(IdentitySpec spec, Beginning beginning, Author author);
    Task<Result<IdentityView>> update_alone(IdentitySpec spec, twin::Match match, Author author);
    Task<Result<IdentityView>> renew_keys_alone(TwinId id, bool primary, bool secondary,
                                                Author author);
    Task<Result<>> remove_alone(TwinId id, twin::Match match, Author author);
    enum class Content : std::uint8_t { none, initial };
    void stage_created(const EntryPtr& entry, Identity identity, twin::Twin twin, Content content,
                       Instant now, const Author& author);
    void stage_identity(const EntryPtr& entry, Identity next, std::string detail,
                        const Author& author);
    void stage_removed(const EntryPtr& entry, const Author& author);
    void count(const Identity& identity, std::int64_t by);
    Result<> check_room(std::uint64_t wanted) const;
    void counted(bool success);
    Birth birth();
    void end_links_of(const DeviceId& device, LinkEnd reason);
    EntryPtr entry_or_new(const TwinId& id);
    EntryPtr current(const EntryPtr& loaded);

    // start (shard_recovery.cc)
    Result<> recover_slot(Slot slot);
    Result<> load_columns(Slot slot);
    Result<> replay(const ChangeRecord& record, std::uint64_t sequence);

    std::uint32_t index_;
    std::uint32_t count_;
    Executor executor_;
    Parts parts_;
    CommitQueue queue_;
    Lanes lanes_;  // identity operations of a device, one after the other
    LiveColumns columns_;
    DriftJudge drift_judge_;
    std::unique_ptr<ShardSeries> series_;
    ShardDrift drift_;  // after the columns, where it shows, and the series
    ShardConnections connections_;
    ShardQueries fleet_queries_;  // after the columns: scans watch them
    ShardLive live_;              // so does this
    FeedbackQueue feedback_;
    MessageQueues messages_;  // after the feedback, which their ends write
    MethodCalls calls_;
    std::unique_ptr<ShardConfigurations> configurations_;

    // What shown_view reads: entries_, links_, and each entry's durable state and presence. This
    // loop alone writes them, under the mutex, and so reads them without it.
    mutable std::mutex shown_;
    std::unordered_map<TwinId, EntryPtr> entries_;
    std::unordered_map<TwinId, std::vector<EntryDone>> loading_;
    std::unordered_map<TwinId, Link> links_;
    bool judging_ = false;
    std::deque<TwinId> to_judge_;  // links with a chain, since trust changed
    std::map<std::chrono::sys_days, std::int64_t> certificate_days_;  // of links, by when they end
    std::array<std::int64_t, expiry_horizons.size()> expiring_shown_{};
    using Presences = std::unordered_map<TwinId, Presence>;
    Presences presence_unsaved_;                 // goes to the store within a second
    std::deque<Presences> presence_on_its_way_;  // there, oldest first
    std::uint64_t identities_changed_ = 0;       // how often a durable one became another
    std::uint64_t presences_saved_ = 0;          // how often some came to the store
    std::unordered_set<Entry*> pending_;         // entries with changes on their way
    std::unordered_set<EntryPtr> changed_;       // entries with changed_since
    std::deque<EntryPtr> checkpoint_queue_;      // the same, oldest first, less those being written
    std::unordered_map<Slot, std::uint64_t> last_sequence_;  // given out
    std::unordered_map<Slot, std::uint64_t> durable_sequence_;
    std::unordered_map<Slot, std::uint64_t>
        checkpointed_;                              // stored: documents hold all changes up to it
    std::unordered_map<Slot, Counts> slot_counts_;  // as the open batch will have them
    std::unordered_map<Slot, Counts> durable_slot_counts_;
    Counts counts_;
    std::unordered_map<Slot, std::uint64_t>
        retention_from_;  // where the next look for expired changes begins
    std::size_t changed_shown_ = 0;
    std::size_t cached_shown_ = 0;
    std::size_t forget_bucket_ = 0;
    std::string scratch_key_, scratch_body_, scratch_value_;
    Moment next_forget_{};
    Moment next_watermark_{};
    Moment next_presence_{};
    Moment next_retention_{};
    Moment next_expiry_{};
    Slot retention_slot_ = 0;
    bool retention_running_ = false;
    bool sessions_running_ = false;  // old ones are being looked for
    Slot sessions_slot_ = 0;
    std::string sessions_from_;  // the key in that slot where the next look begins
    bool loss_told_ = false;
    bool retention_stays_ = false;  // more to forget in this slot
    Instant last_born_ = never;
};

}  // namespace twinhub::hub

#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/shared_value.h"
#include "base/task.h"
#include "hub/access.h"
#include "hub/certificates/certificates.h"
#include "hub/device_events.h"
#include "hub/drift/drifts.h"
#include "hub/live_queries.h"
#include "hub/messages/cloud_messages.h"
#include "hub/messages/feedback.h"
#include "hub/methods/methods.h"
#include "hub/metrics.h"
#include "hub/queries.h"
#include "hub/registry.h"
#include "hub/settings.h"
#include "hub/shards.h"
#include "hub/start_progress.h"
#include "hub/twin_watch.h"
#include "hub/twins.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::store {
class Committer;
class Engine;
}  // namespace twinhub::store

namespace twinhub::hub {

class Changes;
class Configurations;
class Connections;
class Jobs;
class FleetSeries;
class Rollouts;

// What a hub stands on. All outlive it, but the loops and the pool must have ended their work
// (stopped and joined) when it is destroyed: what they were doing refers to it. What is left in
// them then may be destroyed later, and touches nothing of the hub.
struct Seams {
    store::Engine& engine;
    const Clock& clock;
    Random& random;
    Log& log;
    Metrics& metrics;
    std::vector<Executor> loops;  // one single-threaded executor a core; a shard lives on each
    Executor pool;                // for work that waits for the disk
    bool committer_threaded =
        true;  // false: the owner calls committer().run_once() (tests, simulation)
};

// One hub: its shards, and the rules that every door shares. Several can live in one process.
class Hub {
public:
    // Replays what the last run left in the log and reads all twins into the columns; a long start
    // is told in the log every few seconds. Blocks; nothing may be asked of the hub meanwhile.
    // Errors: corrupted (names the record), internal.
    static Result<std::unique_ptr<Hub>> open(Settings settings, Seams seams);
    static Result<std::unique_ptr<Hub>> open(Settings settings, Seams seams,
                                             StartProgress& progress);
    ~Hub();

    Registry& registry() { return *registry_; }
    Twins& twins() { return *twins_; }
    Queries& queries() { return *queries_; }
    LiveQueries& live_queries() { return *live_queries_; }
    Methods& methods() { return *methods_; }
    CloudMessages& cloud_messages() { return *cloud_messages_; }
    Feedback& feedback() { return *feedback_; }
    Shards& shards() { return *shards_; }
    // Standing work over the fleet.
    Jobs& jobs() { return *jobs_; }
    Configurations& configurations() { return *configurations_; }
    Rollouts& rollouts() { return *rollouts_; }
    // Every change of every twin, in the order in which they became durable.
    Changes& changes() { return *changes_; }
    // How the fleet stood, minute by minute.
    FleetSeries& series() { return *series_; }
    DeviceEvents& device_events() { return device_events_; }
    Drifts& drifts() { return *drifts_; }
    // driftChanged of spec twin-document 15.2, as messages about a twin: its payload says what
    // moved. Passing by, as those of devices.
    DeviceEvents& drift_events() { return drift_events_; }
    // deviceConnected and deviceDisconnected of spec twin-document 12, passing by: their type is
    // the property opType, their payload is the body {"sequenceNumber": ".."}.
    DeviceEvents& connection_events() { return connection_events_; }
    Connections& connections() { return *connections_; }
    const Settings& settings() const { return settings_; }
    const Clock& clock() const { return seams_.clock; }
    Random& random() { return seams_.random; }
    Log& log() { return seams_.log; }
    Metrics& metrics() { return seams_.metrics; }

    bool is_host(std::string_view host) const;  // the name or an alias, with or without :port

    std::shared_ptr<const Policies> policies() const;
    void set_policies(std::shared_ptr<const Policies> policies);  // any thread

    // Whose certificates are believed, this moment. Any thread.
    std::shared_ptr<const x509::TrustStore> trust() const { return trust_.load(); }
    Certificates& certificates() { return *certificates_; }

    // Upkeep of what lives on that loop, about ten times a second, on it. The first loop has the
    // standing work too.
    void tick(std::size_t loop);
    // Has everybody told who waits for a device: before an orderly end, so that their answers can
    // go out. Any thread.
    void end_waits();
    // Ends every device link, writes every changed twin whole, and waits for the log.
    Task<> drain();
    // False while the store refuses what a shard wants to commit. Any thread.
    bool accepts_writes() const;
    store::Committer& committer() { return *committer_; }

private:
    Hub(Settings settings, Seams seams);
    Settings settings_;
    Seams seams_;
    DeviceEvents drift_events_;  // before the shards, which publish
    DeviceEvents connection_events_;
    std::unique_ptr<store::Committer> committer_;
    std::atomic<std::uint64_t> identities_ = 0;
    std::vector<TwinWatch*> watches_;
    SharedValue<const x509::TrustStore> trust_;
    std::unique_ptr<FleetSeries> series_;  // before the shards, which count by its names
    std::unique_ptr<Shards> shards_;
    std::unique_ptr<Certificates> certificates_;
    std::unique_ptr<Registry> registry_;
    std::unique_ptr<Twins> twins_;
    std::unique_ptr<Queries> queries_;
    std::unique_ptr<LiveQueries> live_queries_;
    std::unique_ptr<Drifts> drifts_;
    std::unique_ptr<Connections> connections_;
    std::unique_ptr<Methods> methods_;
    std::unique_ptr<CloudMessages> cloud_messages_;
    std::unique_ptr<Feedback> feedback_;
    DeviceEvents device_events_;
    std::unique_ptr<Changes> changes_;
    std::unique_ptr<Configurations> configurations_;
    std::unique_ptr<Jobs> jobs_;
    std::unique_ptr<Rollouts> rollouts_;
    SharedValue<const Policies> policies_{std::make_shared<const Policies>()};
};

}  // namespace twinhub::hub

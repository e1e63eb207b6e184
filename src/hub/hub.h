#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/task.h"
#include "hub/access.h"
#include "hub/metrics.h"
#include "hub/registry.h"
#include "hub/shards.h"
#include "hub/twins.h"

#include <memory>
#include <string>
#include <vector>

namespace twinhub::store {
class Engine;
}

namespace twinhub::hub {

// Everything about a hub that an operator may set; limits are those of the specification by default.
struct Settings {
    std::string name = "localhost";                       // canonical host name
    std::vector<std::string> aliases;                     // further host names, ASCII-case-insensitive
    std::uint64_t identities_max = 0;                     // devices + modules; 0 = no limit
    std::uint32_t modules_per_device_max = 50;
    std::chrono::hours history_age{30 * 24};              // changes younger than this are kept,
    std::uint32_t history_count = 100;                    // and so are the newest so many of each twin
    std::chrono::hours session_age{7 * 24};               // clean-session-0 subscriptions of an absent device
    std::size_t cached_twins_max = 100'000;               // clean twins kept in memory over all shards
    std::uint32_t checkpoint_twins_max = 20'000;          // changed twins not yet written whole, a shard
    std::chrono::milliseconds checkpoint_age{5'000};      // how long a change may live in the log alone
    bool device_sas = true;                               // device keys and device-policy tokens accepted
    bool module_sas = true;
};

// What a hub stands on. All outlive it.
struct Seams {
    store::Engine& engine;
    const Clock& clock;
    Random& random;
    Log& log;
    Metrics& metrics;
    std::vector<Executor> loops;  // one single-threaded executor a core; a shard lives on each
    Executor pool;                // for work that waits for the disk
};

// One hub: its shards, and the rules that every door shares. Several can live in one process.
class Hub {
public:
    // Replays what the last run left in the log. Blocks; call before the loops run.
    // Errors: corrupted (names the record), internal.
    static Result<std::unique_ptr<Hub>> open(Settings settings, Seams seams);
    ~Hub();

    Registry& registry() { return registry_; }
    Twins& twins() { return twins_; }
    Shards& shards() { return *shards_; }
    const Settings& settings() const { return settings_; }
    const Clock& clock() const { return seams_.clock; }
    Random& random() { return seams_.random; }
    Log& log() { return seams_.log; }
    Metrics& metrics() { return seams_.metrics; }

    bool is_host(std::string_view host) const;  // the name or an alias, with or without :port

    std::shared_ptr<const Policies> policies() const;
    void set_policies(std::shared_ptr<const Policies> policies);  // any thread

    // Ends every device link, writes every changed twin whole, and waits for the log.
    Task<> drain();
    bool accepts_writes() const;  // false after the disk refused a commit, until one succeeds

private:
    Hub(Settings settings, Seams seams);
    Settings settings_;
    Seams seams_;
    std::unique_ptr<Shards> shards_;
    Registry registry_;
    Twins twins_;
    std::atomic<std::shared_ptr<const Policies>> policies_;
};

}  // namespace twinhub::hub

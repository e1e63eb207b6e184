#pragma once

#include "base/result.h"
#include "base/shared_value.h"
#include "base/task.h"
#include "hub/configurations/configuration_event.h"
#include "hub/configurations/configuration_set.h"
#include "hub/twin_watch.h"
#include "twin/drift/state.h"
#include "twin/etag.h"

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

class Hub;

// How many twins each metric of a configuration counts; nothing where it could not be counted.
struct MetricResults {
    std::map<std::string, std::uint64_t> system;
    std::map<std::string, std::uint64_t> custom;
};

// What is wrong with what a configuration would ask; empty where all is well.
struct ConditionTest {
    std::string target_condition;
    std::map<std::string, std::string> metrics;  // those that are wrong, by name
};

// What a configuration does in the fleet (GET /configurations/{id}/effect).
struct ConfigurationEffect {
    Instant at{};
    std::size_t shards = 0;
    std::uint64_t targeted = 0;
    std::uint64_t applied = 0;
    std::array<std::uint64_t, twin::drift::state_count> states{};  // of the twins that it targets
    struct Overlap {
        std::string path;  // properties.desired…
        std::string with;  // the other configuration
        std::string wins;  // either of them
        std::uint64_t twins = 0;
    };
    std::vector<Overlap> overlaps;
};

// Automatic device configurations (spec service-api 9). Each change of one is durable first; then
// all loops have it, and a pass over the fleet brings the twins that it is or was for up to it. The
// passes go one after the other and begin again at a start where they were: a twin remembers with
// which revision of a configuration it was settled.
//
// Callable on any loop but for load() and tick().
class Configurations final : public TwinWatch {
public:
    explicit Configurations(Hub& hub);
    ~Configurations() override;

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();
    void twin_changed(const TwinId& id, const State& before, const State& after) override;

    // Errors: configuration_not_found.
    Result<ConfigurationPtr> get(std::string_view id) const;
    std::vector<ConfigurationPtr> list() const;  // by id
    // As counted last; nothing before the first time.
    std::shared_ptr<const MetricResults> results(std::string_view id) const;

    // A new one without If-Match, another state of a known one with it; the content of a known one
    // stays. Errors: those of Target and of the metrics, configuration_already_exists,
    // configuration_not_found, precondition_failed, too_many_configurations,
    // configuration_content_immutable, unavailable.
    Task<Result<ConfigurationPtr>> put(Configuration wanted, twin::Match match, Author author);
    // Errors: configuration_not_found, precondition_failed.
    Task<Result<>> remove(std::string id, twin::Match match, Author author);

    ConditionTest test(std::string_view target_condition,
                       const std::map<std::string, std::string, std::less<>>& metrics) const;

    // Brings an edge device to one content (spec service-api 9.6). Errors: device_not_found,
    // argument_invalid (no edge device), configuration_being_applied, and those of twins.
    Task<Result<>> apply_content(DeviceId device, Content content, Author author);

    // Errors: configuration_not_found, and those of Queries::run.
    Task<Result<ConfigurationEffect>> effect(std::string id, std::string principal,
                                             std::function<bool()> wanted);

    // configurationStarted and configurationCompleted (configuration_event.h) of each change, not
    // of a start of the hub. Passing by.
    DeviceEvents& events() { return events_; }

private:
    struct Stored;
    // To do over the fleet for one configuration.
    struct Pass {
        std::string id;
        bool at_start = false;  // most probably there is nothing to do
        bool told = at_start;   // that it begins
    };
    using Results = std::map<std::string, std::shared_ptr<const MetricResults>, std::less<>>;

    // On the loop of the first shard.
    Task<Result<ConfigurationPtr>> put_here(Configuration wanted, twin::Match match, Author author);
    Task<Result<>> remove_here(std::string id, twin::Match match, Author author);
    Task<Result<>> apply_here(DeviceId device, Content content, Author author);
    Task<Result<>> apply_modules(DeviceId device, Content content, Author author);
    Result<> check_metrics(const Configuration& wanted) const;
    Result<> check_content(const Content& content) const;
    Task<Result<>> commit(std::string id, ConfigurationPtr next);
    void publish(ConfigurationSetPtr set);
    void measure_soon();

    // Passes (passes.cc).
    void begin_passes();
    void tell(const std::string& id, ConfigurationStep step);
    Task<> run_passes();
    Task<Result<>> run(Pass pass);
    Task<Result<>> settle_rows(query::Plan plan, std::string id, std::uint64_t revision, bool all);

    // Metrics (measure.cc).
    Task<> measure();
    Task<Result<std::uint64_t>> count(
        query::Plan plan, std::string principal,
        std::function<bool()> wanted = [] { return true; });
    Task<std::optional<std::uint64_t>> count_text(std::string text);

    Hub& hub_;
    DeviceEvents events_;
    std::unique_ptr<Stored> stored_;
    // Devices that a content is being applied to; outlives the hub in what is left of the work.
    std::shared_ptr<std::set<DeviceId>> busy_ = std::make_shared<std::set<DeviceId>>();
    SharedValue<const ConfigurationSet> set_{std::make_shared<const ConfigurationSet>()};
    SharedValue<const Results> results_{std::make_shared<const Results>()};
    std::uint64_t last_revision_ = 0;
    std::deque<Pass> passes_;
    bool passing_ = false;
    bool trouble_told_ = false;
    Moment next_pass_{};
    bool measuring_ = false;
    Moment next_measure_{};
};

}  // namespace twinhub::hub

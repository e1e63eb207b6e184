#include "hub/jobs/twin_work.h"

#include "hub/hub.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

constexpr std::chrono::seconds pause_after_loss{1};
constexpr std::size_t under_way_max = 512;  // of each shard
// History is looked at from so long before the job was ordered, for clocks that were set back.
constexpr std::chrono::hours clock_slack{1};

BulkWork work_of(const JobSpec& spec, std::shared_ptr<Rate> rate) {
    auto update = update_of(spec);
    CHECK(update.has_value());  // it was read when the job was ordered
    return {.update = [update = std::move(*update)](const TwinId&, const State&)
                -> Result<std::optional<twin::ServiceUpdate>> { return std::optional(update); },
            .author = author_of_work(Cause::job, "job", spec.id, spec.author),
            .since = spec.created - clock_slack,
            .under_way_max = under_way_max,
            .rate = std::move(rate)};
}

// The store did not take it, or nobody knows: not the twin's fault.
bool is_loss(const Result<BulkChange>& result) {
    return !result &&
           (result.error().code == Code::unavailable || result.error().code == Code::internal);
}

}  // namespace

TwinWork::TwinWork(Hub& hub, const JobSpec& spec, std::shared_ptr<Rate> rate, Host host)
    : hub_(hub),
      host_(std::move(host)),
      self_(std::make_shared<TwinWork*>(this)),
      run_(BulkRun::begin(hub.shards(), hub.clock(), hub.shards().at(0).executor(),
                          work_of(spec, std::move(rate)),
                          [self = self_](std::span<const BulkOutcome> outcomes) {
                              if (*self) (*self)->came(outcomes);
                          })) {}

TwinWork::~TwinWork() {
    *self_ = nullptr;
    run_->cancel();
}

void TwinWork::begin(const OpenGroupPtr& group, bool uncertain) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < group->group.devices.size(); ++i)
        if (group->group.devices[i].status <= DeviceJobStatus::running) places.push_back(i);
    give(group, std::move(places), uncertain);
}

void TwinWork::give(OpenGroupPtr group, std::vector<std::size_t> places, bool maybe_done) {
    if (places.empty()) return;
    std::vector<BulkTarget> targets;
    targets.reserve(places.size());
    for (const std::size_t place : places) {
        const JobDevice& device = group->group.devices[place];
        targets.push_back({device.id, device.generation, maybe_done});
    }
    const std::size_t count = places.size();
    const std::size_t first = run_->add(std::move(targets));
    portions_.emplace(first, Portion{std::move(group), std::move(places), count, {}});
}

void TwinWork::came(std::span<const BulkOutcome> outcomes) {
    const Instant now = hub_.clock().now();
    JobMetrics& metrics = hub_.metrics().jobs;
    std::vector<OpenGroupPtr> touched;
    for (const BulkOutcome& outcome : outcomes) {
        const auto found = std::prev(portions_.upper_bound(outcome.number));
        Portion& portion = found->second;
        const std::size_t place = portion.places[outcome.number - found->first];
        OpenGroup& group = *portion.group;
        JobDevice& device = group.group.devices[place];
        if (is_loss(outcome.result)) {
            portion.lost.push_back(place);
        } else if (!outcome.result) {
            end_device(group, device, now, device_error(outcome.result.error()));
            metrics.device_ended(JobMetrics::Device::failed);
        } else {
            end_device(group, device, now);
            metrics.device_ended(JobMetrics::Device::succeeded);
        }
        if (touched.empty() || touched.back() != portion.group) touched.push_back(portion.group);
        if (--portion.left != 0) continue;
        if (!portion.lost.empty()) {
            metrics.retried.Increment();
            again_.push_back({portion.group, std::move(portion.lost),
                              hub_.clock().monotonic() + pause_after_loss});
        }
        portions_.erase(found);
    }
    for (const OpenGroupPtr& group : touched) host_.progressed(group);
}

void TwinWork::tick() {
    run_->tick();
    const Moment now = hub_.clock().monotonic();
    std::vector<Again> due;
    for (auto each = again_.begin(); each != again_.end();) {
        if (each->at > now) {
            ++each;
            continue;
        }
        due.push_back(std::move(*each));
        each = again_.erase(each);
    }
    for (Again& each : due) give(std::move(each.group), std::move(each.places), true);
}

void TwinWork::stop() {
    run_->cancel();
    again_.clear();
}

}  // namespace twinhub::hub

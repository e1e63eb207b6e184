#include "hub/jobs/method_work.h"

#include "hub/hub.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <map>

namespace twinhub::hub {
namespace {

constexpr std::chrono::seconds pause_without_room{1};
constexpr std::size_t payload_bytes_max = 16 * 1024;  // kept of an answer

}  // namespace

MethodWork::MethodWork(Hub& hub, const JobSpec& spec, std::shared_ptr<Rate> rate, Host host)
    : hub_(hub),
      host_(std::move(host)),
      rate_(std::move(rate)),
      author_(author_of_work(Cause::job, "job", spec.id, spec.author)) {
    auto made = call_of(spec);
    CHECK(made.has_value());  // it was read when the job was ordered
    call_ = std::move(*made);
    call_.wanted = [wanted = wanted_] { return wanted->load(); };
}

void MethodWork::begin(const OpenGroupPtr& group, bool) {
    const Instant now = hub_.clock().now();
    for (std::size_t i = 0; i < group->group.devices.size(); ++i) {
        JobDevice& device = group->group.devices[i];
        if (device.status == DeviceJobStatus::pending) {
            waiting_.push_back({group, i});
        } else if (device.status == DeviceJobStatus::running) {
            end_device(*group, device, now,
                       {"500001",
                        "The hub was restarted while the device was called: whether it did what it "
                        "was asked is not known"});
            hub_.metrics().jobs.device_ended(JobMetrics::Device::failed);
        }
    }
    if (group->unsaved) host_.progressed(group);
    pump();
}

void MethodWork::tick() { pump(); }

void MethodWork::stop() {
    waiting_.clear();
    wanted_->store(false);
}

void MethodWork::pump() {
    const Moment now = hub_.clock().monotonic();
    if (resting_ || now < pause_until_) return;
    const std::size_t at_once = std::max<std::size_t>(1, hub_.settings().jobs.methods_at_once);
    std::size_t count = std::min(waiting_.size(), at_once - std::min(at_once, under_way_));
    if (count != 0 && rate_) count = rate_->take(count, now);
    if (count == 0) return;
    const Instant at = hub_.clock().now();
    std::map<OpenGroupPtr, std::vector<std::size_t>> begun;
    for (; count > 0; --count) {
        const Place place = std::move(waiting_.front());
        waiting_.pop_front();
        JobDevice& device = place.group->group.devices[place.device];
        device.status = DeviceJobStatus::running;
        device.updated = at;
        ++under_way_;
        begun[place.group].push_back(place.device);
    }
    for (auto& [group, devices] : begun)
        host_.save(group, [weak = weak_from_this(), group, devices](bool saved) {
            if (const auto self = weak.lock()) self->call_all(group, devices, saved);
        });
}

void MethodWork::call_all(const OpenGroupPtr& group, const std::vector<std::size_t>& devices,
                          bool saved) {
    for (const std::size_t device : devices) {
        const Place place{group, device};
        if (!saved || !wanted_->load()) {
            put_back(place);
            continue;
        }
        asio::co_spawn(hub_.shards().at(0).executor(), call(shared_from_this(), place),
                       asio::detached);
    }
    if (!wanted_->load()) host_.progressed(group);
}

Task<> MethodWork::call(std::shared_ptr<MethodWork> self, Place place) {
    const JobDevice& device = place.group->group.devices[place.device];
    const TwinId id = device.id;
    Result<MethodResult> result;
    const Result<TwinView> twin = co_await self->hub_.twins().get(id);
    if (!twin) result = std::unexpected(twin.error());
    else if (twin->identity->generation_id != device.generation)
        result =
            failure(id.is_module() ? Code::module_not_found : Code::device_not_found, id.text());
    else result = co_await self->hub_.methods().invoke(id, self->call_, self->author_);
    self->answered(place, result);
}

void MethodWork::answered(const Place& place, const Result<MethodResult>& result) {
    // The hub ends: the next life will find the call begun.
    if (!result && result.error().code == Code::unavailable) return;
    if (!result && result.error().code == Code::throttled) return put_back(place);
    --under_way_;
    OpenGroup& group = *place.group;
    JobDevice& device = group.group.devices[place.device];
    const Instant now = hub_.clock().now();
    if (result) {
        device.method_status = result->status;
        device.method_payload =
            result->payload.size() <= payload_bytes_max ? result->payload : "null";
        end_device(group, device, now);
        hub_.metrics().jobs.device_ended(JobMetrics::Device::succeeded);
    } else {
        end_device(group, device, now, device_error(result.error()));
        hub_.metrics().jobs.device_ended(JobMetrics::Device::failed);
    }
    host_.progressed(place.group);
    pump();
}

// It did not go out.
void MethodWork::put_back(const Place& place) {
    --under_way_;
    place.group->group.devices[place.device].status = DeviceJobStatus::pending;
    if (!wanted_->load()) return;
    waiting_.push_back(place);
    pause_until_ = hub_.clock().monotonic() + pause_without_room;
}

}  // namespace twinhub::hub

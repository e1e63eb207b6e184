#pragma once

#include "base/task.h"
#include "hub/bulk/rate.h"
#include "hub/jobs/device_work.h"

#include <deque>

namespace twinhub::hub {

class Hub;

// Calls a method of a job's devices, each at most once: that a call begins is durable before it
// goes out. What a restart finds begun and not ended has failed: nobody knows whether the device
// did it.
class MethodWork final : public DeviceWork, public std::enable_shared_from_this<MethodWork> {
public:
    // `spec`: of a method.
    MethodWork(Hub& hub, const JobSpec& spec, std::shared_ptr<Rate> rate, Host host);

    void begin(const OpenGroupPtr& group, bool uncertain) override;
    void tick() override;
    void rest() override { resting_ = true; }
    void stop() override;
    std::size_t under_way() const override { return under_way_; }

private:
    struct Place {
        OpenGroupPtr group;
        std::size_t device = 0;
    };
    void pump();
    void call_all(const OpenGroupPtr& group, const std::vector<std::size_t>& devices, bool saved);
    static Task<> call(std::shared_ptr<MethodWork> self, Place place);
    void answered(const Place& place, const Result<MethodResult>& result);
    void put_back(const Place& place);

    Hub& hub_;
    Host host_;
    std::shared_ptr<Rate> rate_;
    MethodCall call_;
    Author author_;
    std::deque<Place> waiting_;
    std::size_t under_way_ = 0;
    bool resting_ = false;
    Moment pause_until_{};  // after the store or the hub's limit of calls had no room
    std::shared_ptr<std::atomic<bool>> wanted_ = std::make_shared<std::atomic<bool>>(true);
};

}  // namespace twinhub::hub

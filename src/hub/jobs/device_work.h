#pragma once

#include "base/clock.h"
#include "hub/jobs/job_record.h"

#include <cstddef>
#include <functional>
#include <memory>

namespace twinhub::hub {

// A group of a job's devices that is being worked on.
struct OpenGroup {
    std::size_t index = 0;  // in the order of execution
    JobGroup group;
    std::size_t left = 0;  // devices that have not ended
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    bool saving = false;
    bool unsaved = false;  // what became of some is not on its way to the store yet
    Moment save_at{};      // not before
};
using OpenGroupPtr = std::shared_ptr<OpenGroup>;

// What a job does to its devices: one kind for each type. On the loop of the jobs.
class DeviceWork {
public:
    // What the work needs of the job.
    struct Host {
        // Some devices of the group have ended.
        std::function<void(const OpenGroupPtr&)> progressed;
        // Writes the group as it is now; tells on this loop whether that became durable.
        std::function<void(const OpenGroupPtr&, std::function<void(bool)>)> save;
    };

    virtual ~DeviceWork() = default;
    // Works on the devices that have not ended. `uncertain`: it may have begun in an earlier life.
    virtual void begin(const OpenGroupPtr& group, bool uncertain) = 0;
    virtual void tick() = 0;  // about ten times a second
    // Begins with no other device; what is under way goes on.
    virtual void rest() = 0;
    // Begins with no other device; what is under way ends soon, with an outcome.
    virtual void stop() = 0;
    virtual std::size_t under_way() const = 0;
};

// How a device ended; counts it in its group.
void end_device(OpenGroup& group, JobDevice& device, Instant now, DeviceJobError error);  // failed
void end_device(OpenGroup& group, JobDevice& device, Instant now);  // completed

// `error` of a device's row: the number of the error catalogue and its words.
DeviceJobError device_error(const Error& error);

}  // namespace twinhub::hub

#pragma once

#include "base/task.h"
#include "hub/bulk/rate.h"
#include "hub/commit_queue.h"
#include "hub/device_events.h"
#include "hub/jobs/device_work.h"
#include "hub/jobs/pulse.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

class Hub;

// One job from the moment its time has come to its end, on the loop of the jobs. Finds its devices
// once, writes them down in groups, and works through the groups in an order that follows from
// their keys: no group begins before all but the last `groups_ahead` of those before it are done
// and written. So after a restart only those can hold devices that were changed without being
// written down, and they alone are asked for their history.
class JobRun : public std::enable_shared_from_this<JobRun> {
public:
    struct Parts {
        Hub& hub;
        CommitQueue& commits;  // whose failures take back nothing: each run sees to itself
        std::shared_ptr<Rate> rate;
        DeviceEvents& events;  // that it begins, and how it ends
    };
    // `state`: as stored. `ended` is called once, when its end is durable; not after a stop of the
    // hub.
    static std::shared_ptr<JobRun> begin(Parts parts, std::shared_ptr<const JobSpec> spec,
                                         JobState state, std::function<void()> ended);
    JobRun(Parts parts, std::shared_ptr<const JobSpec> spec, JobState state,
           std::function<void()> ended);

    void tick();
    // The hub is about to end: begins with no other device, and writes what it knows at once.
    void rest();
    // Ends it as cancelled; what is under way ends first.
    void cancel();

    // The hub ends: lets go of whoever waits in it. Nothing of it runs any more.
    void abandon() { pulse_.drop(); }

    const JobSpec& spec() const { return *spec_; }
    const JobState& durable() const { return state_; }
    JobView view() const;
    std::size_t under_way() const { return work_ ? work_->under_way() : 0; }
    // The groups that are being worked on as they are now, by key: newer than what is stored.
    std::map<std::string, JobGroup> open_groups() const;

private:
    struct Known {  // a group, in the order of execution
        std::string key;
        bool done = false;
    };

    static Task<> live(std::shared_ptr<JobRun> self);
    Task<> run();
    Task<Result<>> resolve();  // an error ends the job
    Task<Result<>> read_groups();
    Task<Result<>> work_through();
    Task<> finish(JobStatus how, std::string reason);
    Task<Result<std::vector<std::string>>> keys_of_devices();

    Task<Result<>> settled();
    Task<> write_state(JobState next);  // until it is durable
    bool is_over() const;               // its time, or somebody's patience
    bool has_room() const;
    void progressed(const OpenGroupPtr& group);
    void save(const OpenGroupPtr& group, std::function<void(bool)> then);
    void save_done(const OpenGroupPtr& group);
    void advance();

    Parts parts_;
    std::shared_ptr<const JobSpec> spec_;
    JobState state_;    // durable
    JobState written_;  // with what is on its way to disk
    std::function<void()> ended_;
    Pulse pulse_;
    std::shared_ptr<DeviceWork> work_;
    std::vector<Known> groups_;
    std::size_t base_ = 0;             // all before it are done
    std::size_t next_ = 0;             // to be opened
    std::size_t uncertain_until_ = 0;  // those before it may have begun in an earlier life
    std::map<std::size_t, OpenGroupPtr> open_;
    std::size_t open_devices_ = 0;
    bool cancelled_ = false;
    bool resting_ = false;
};

}  // namespace twinhub::hub

#pragma once

#include "hub/bulk/bulk_run.h"
#include "hub/jobs/device_work.h"

#include <map>
#include <vector>

namespace twinhub::hub {

class Hub;

// Patches the twins of a job. A twin that the job may have changed already is asked for its history
// first; one whose commit was lost is tried again a second later.
class TwinWork final : public DeviceWork {
public:
    // `spec`: of a twin update.
    TwinWork(Hub& hub, const JobSpec& spec, std::shared_ptr<Rate> rate, Host host);
    ~TwinWork() override;

    void begin(const OpenGroupPtr& group, bool uncertain) override;
    void tick() override;
    void rest() override { run_->cancel(); }
    void stop() override;
    std::size_t under_way() const override { return run_->under_way(); }

private:
    struct Portion {  // what was given to the run at once
        OpenGroupPtr group;
        std::vector<std::size_t> places;
        std::size_t left = 0;
        std::vector<std::size_t> lost;  // to be tried again
    };
    struct Again {
        OpenGroupPtr group;
        std::vector<std::size_t> places;
        Moment at{};
    };
    void give(OpenGroupPtr group, std::vector<std::size_t> places, bool maybe_done);
    void came(std::span<const BulkOutcome> outcomes);

    Hub& hub_;
    Host host_;
    std::shared_ptr<TwinWork*> self_;  // outcomes that come later than this lives find nobody
    std::shared_ptr<BulkRun> run_;
    std::map<std::size_t, Portion> portions_;  // by the number of their first device
    std::vector<Again> again_;
};

}  // namespace twinhub::hub

#pragma once

#include "base/clock.h"
#include "hub/jobs/job_record.h"
#include "hub/queries.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// A row of devices.jobs (spec service-api 7.5, query-language 3).
json::object job_row(const JobSpec& spec, const JobState& state, const JobDevice& device);

// One page of devices.jobs: reads the groups of jobs from the store, those that are being worked on
// as they are in memory. A condition on jobId or deviceId reads what it asks for alone.
class JobRows {
public:
    // Errors: argument_invalid for a foreign cursor, and for clauses that devices.jobs has not.
    static Result<JobRows> begin(std::shared_ptr<const query::Plan> plan, PageRequest request,
                                 const Clock& clock);

    struct Source {
        std::shared_ptr<const JobSpec> spec;
        JobState state;
        std::map<std::string, JobGroup> open;
    };
    // Whether the page can have rows of that job.
    bool wants(std::string_view job_id) const;
    void add(Source source) { sources_.push_back(std::move(source)); }  // ids rise

    // May wait for the disk, about a second long.
    Result<QueryPage> read(const store::Engine& engine);

private:
    struct Position {
        std::string job;
        std::string group;  // key
        std::size_t device = 0;
        std::uint64_t delivered = 0;
        std::uint64_t skipped = 0;
    };
    class Page;
    JobRows(std::shared_ptr<const query::Plan> plan, PageRequest request, const Clock& clock);
    static std::string to_text(const Position& position);
    static std::optional<Position> parse(std::string_view text);

    std::shared_ptr<const query::Plan> plan_;
    PageRequest request_;
    const Clock* clock_;
    Position from_;
    std::optional<std::string> only_job_;
    std::optional<std::string> only_device_;
    std::vector<Source> sources_;
};

}  // namespace twinhub::hub

#include "hub/jobs/job_rows.h"

#include "base/encoding.h"
#include "hub/demanded_text.h"
#include "query/document_row.h"
#include "store/keys.h"

#include <charconv>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr std::chrono::seconds page_time_max{1};
constexpr std::size_t rows_between_looks = 1000;  // at the clock

json::string time_of(Instant at) { return json::string(format_instant(at)); }

// Its own status, or what the end of the job made of it.
DeviceJobStatus status_of(const JobState& state, const JobDevice& device) {
    if (device.status > DeviceJobStatus::running || !has_ended(state.status)) return device.status;
    return state.status == JobStatus::cancelled ? DeviceJobStatus::canceled
                                                : DeviceJobStatus::failed;
}

}  // namespace

json::object job_row(const JobSpec& spec, const JobState& state, const JobDevice& device) {
    const DeviceJobStatus status = status_of(state, device);
    const bool reached = device.status != DeviceJobStatus::pending;
    json::object row{{"deviceId", device.id.device.text()}};
    if (device.id.is_module()) row["moduleId"] = device.id.module.text();
    row["jobId"] = spec.id;
    row["jobType"] = json::string(name_of(spec.type));
    row["status"] = json::string(name_of(status));
    row["startTimeUtc"] = time_of(state.started);
    row["endTimeUtc"] = time_of(has_ended(state.status) ? state.ended : deadline_of(spec, state));
    row["createdDateTimeUtc"] = time_of(spec.created);
    row["lastUpdatedDateTimeUtc"] = time_of(reached                   ? device.updated
                                            : has_ended(state.status) ? state.ended
                                                                      : state.started);
    if (status == DeviceJobStatus::completed || !device.method_payload.empty()) {
        json::value answer = nullptr;
        if (spec.type == JobType::method) {
            auto payload = parse_json(device.method_payload);
            answer = json::object{{"status", device.method_status},
                                  {"payload", payload ? std::move(*payload) : json::value()}};
        }
        row["outcome"] = json::object{{"deviceMethodResponse", std::move(answer)}};
    } else if (status == DeviceJobStatus::failed) {
        const bool own = device.status == DeviceJobStatus::failed;
        row["error"] =
            json::object{{"code", own ? device.error.code : "400024"},
                         {"description", own ? device.error.description : state.failure_reason}};
    }
    return row;
}

JobRows::JobRows(std::shared_ptr<const query::Plan> plan, PageRequest request, const Clock& clock)
    : plan_(std::move(plan)), request_(std::move(request)), clock_(&clock) {
    if (!plan_->where) return;
    only_job_ = demanded_text(*plan_, *plan_->where, "jobId");
    only_device_ = demanded_text(*plan_, *plan_->where, "deviceId");
}

std::string JobRows::to_text(const Position& position) {
    return hex_encode(position.job) + '.' + hex_encode(position.group) + '.' +
           std::to_string(position.device) + '.' + std::to_string(position.delivered) + '.' +
           std::to_string(position.skipped);
}

std::optional<JobRows::Position> JobRows::parse(std::string_view text) {
    const auto next = [&text]() -> std::string_view {
        const std::size_t dot = std::min(text.find('.'), text.size());
        const std::string_view part = text.substr(0, dot);
        text.remove_prefix(std::min(dot + 1, text.size()));
        return part;
    };
    const auto number = [](std::string_view digits, auto& into) {
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), into);
        return error == std::errc() && end == digits.data() + digits.size();
    };
    auto job = hex_decode(next());
    auto group = hex_decode(next());
    Position position;
    if (!job || !group || !number(next(), position.device) || !number(next(), position.delivered) ||
        !number(next(), position.skipped))
        return std::nullopt;
    position.job = std::move(*job);
    position.group = std::move(*group);
    return position;
}

Result<JobRows> JobRows::begin(std::shared_ptr<const query::Plan> plan, PageRequest request,
                               const Clock& clock) {
    const char* const clause = !plan->order_by.empty()               ? "ORDER BY"
                               : plan->as_of                         ? "AS OF"
                               : plan->explain != query::Explain::no ? "EXPLAIN"
                                                                     : nullptr;
    if (clause)
        return failure(Code::argument_invalid,
                       "devices.jobs has no " + std::string(clause) + ": use SELECT * and WHERE");
    const std::string cursor = request.cursor;
    JobRows rows(std::move(plan), std::move(request), clock);
    if (!cursor.empty()) {
        auto position = parse(cursor);
        if (!position)
            return failure(Code::argument_invalid, "The continuation token is not one of ours");
        rows.from_ = std::move(*position);
    }
    return rows;
}

bool JobRows::wants(std::string_view job_id) const {
    return job_id >= from_.job && (!only_job_ || job_id == *only_job_);
}

// What a page has so far, and what stops it.
class JobRows::Page {
public:
    Page(JobRows& rows, QueryPage& page)
        : rows_(rows),
          page_(page),
          evaluator_(*rows.plan_, rows.clock_->now()),
          row_(*rows.plan_, document_),
          began_(rows.clock_->monotonic()) {}

    // False: the page ends before this device.
    Result<bool> add(const Source& source, const JobDevice& device) {
        const query::Plan& plan = *rows_.plan_;
        Position& at = rows_.from_;
        if (page_.rows.size() >= rows_.request_.rows_max || bytes_ >= rows_.request_.bytes_max ||
            (plan.limit && at.delivered >= *plan.limit))
            return false;
        if (++page_.rows_looked_at % rows_between_looks == 0) {
            if (!rows_.request_.wanted())
                return failure(Code::timeout, "Nobody waits for the answer any more");
            if (rows_.clock_->monotonic() - began_ >= page_time_max) return false;
        }
        document_ = job_row(*source.spec, source.state, device);
        if (!evaluator_.passes(row_)) return true;
        if (at.skipped < plan.offset) {
            ++at.skipped;
            return true;
        }
        ++at.delivered;
        page_.rows.push_back(twinhub::to_text(json::value(document_)));
        bytes_ += page_.rows.back().size();
        return true;
    }
    bool is_complete() const {
        const query::Plan& plan = *rows_.plan_;
        return plan.limit && rows_.from_.delivered >= *plan.limit;
    }

private:
    JobRows& rows_;
    QueryPage& page_;
    json::object document_;
    query::Evaluator evaluator_;
    query::DocumentRow row_;
    std::size_t bytes_ = 0;
    Moment began_;
};

Result<QueryPage> JobRows::read(const store::Engine& engine) {
    QueryPage answer;
    const Moment began = clock_->monotonic();
    Page page(*this, answer);
    const auto device = only_device_ ? DeviceId::parse(*only_device_) : Result<DeviceId>();
    const bool nobody = only_device_ && !device;  // no device can have such a name
    const std::shared_ptr<const store::Snapshot> snapshot = engine.snapshot();
    for (const Source& source : sources_) {
        if (nobody) break;
        const std::string& id = source.spec->id;
        store::Range range = job_groups_range(id);
        if (only_device_) {
            // The group that begins at the device or before it holds the device, if the job has it.
            const auto groups = snapshot->scan(Family::metadata, range);
            groups->seek_backward(job_group_key(id, TwinId{*device, {}}));
            if (groups->valid()) range.from = groups->key();
            TRY_VOID(groups->status());
            range.to = store::prefix_range(job_group_key(id, TwinId{*device, {}})).to;
        }
        const bool here = id == from_.job;
        if (here && from_.group > range.from) range.from = from_.group;
        const auto groups = snapshot->scan(Family::metadata, range);
        for (groups->seek_first(); groups->valid(); groups->next()) {
            const std::string key(groups->key());
            const auto open = source.open.find(key);
            JobGroup stored;
            if (open == source.open.end()) {
                TRY(stored, open_group(key, groups->value()));
            }
            const JobGroup& group = open == source.open.end() ? stored : open->second;
            std::size_t index = here && key == from_.group ? from_.device : 0;
            for (; index < group.devices.size(); ++index) {
                if (only_device_ && group.devices[index].id.device.text() != *only_device_)
                    continue;
                TRY(const bool added, page.add(source, group.devices[index]));
                if (added) continue;
                answer.time = clock_->monotonic() - began;
                if (page.is_complete()) return answer;
                from_.job = id;
                from_.group = key;
                from_.device = index;
                answer.cursor = to_text(from_);
                return answer;
            }
        }
        TRY_VOID(groups->status());
    }
    answer.time = clock_->monotonic() - began;
    answer.plan = only_device_ ? "deviceJobs" : only_job_ ? "oneJob" : "allJobs";
    return answer;
}

}  // namespace twinhub::hub

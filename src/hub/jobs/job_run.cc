#include "hub/jobs/job_run.h"

#include "hub/hub.h"
#include "hub/jobs/job_event.h"
#include "hub/jobs/job_targets.h"
#include "hub/jobs/method_work.h"
#include "hub/jobs/twin_work.h"
#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr std::size_t twins_in_group = 512;
constexpr std::size_t methods_in_group = 64;  // written anew for every few calls
constexpr std::size_t groups_ahead = 256;
constexpr std::size_t devices_ahead = 8192;     // open at once
constexpr std::size_t listed_at_once = 16'384;  // devices that are written down with one commit
constexpr std::chrono::seconds save_every{1};

std::size_t devices_in_group(JobType type) {
    return type == JobType::method ? methods_in_group : twins_in_group;
}

struct StoredGroup {
    std::string key;
    Slot slot = 0;
    std::size_t ordinal = 0;  // among those of its slot
    bool done = false;
};

// All groups in the order of execution: the first of each slot, then the second of each. So all
// loops have work at any time, whatever their number.
Result<std::vector<StoredGroup>> stored_groups(const store::Engine& engine, std::string_view id) {
    std::vector<StoredGroup> groups;
    const auto cursor = engine.scan(Family::metadata, job_groups_range(id));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto first = first_of_group(id, cursor->key());
        if (!first)
            return failure(Code::corrupted, "The devices of a job have a damaged key",
                           "metadata/" + store::printable(cursor->key()));
        TRY(const store::Opened opened, store::open(store::Kind::job_devices, job_devices_format,
                                                    "metadata", cursor->key(), cursor->value()));
        StoredGroup group{.key = std::string(cursor->key()), .slot = slot_of(first->device)};
        TRY(group.done, is_done_group(opened.body));
        if (!groups.empty() && groups.back().slot == group.slot)
            group.ordinal = groups.back().ordinal + 1;
        groups.push_back(std::move(group));
    }
    TRY_VOID(cursor->status());
    std::ranges::sort(
        groups, {}, [](const StoredGroup& group) { return std::pair(group.ordinal, group.slot); });
    return groups;
}

Result<JobGroup> read_group(const store::Engine& engine, const std::string& key) {
    TRY(const std::optional<std::string> value, engine.get(Family::metadata, key));
    if (!value)
        return failure(Code::corrupted, "Devices of a job are missing",
                       "metadata/" + store::printable(key));
    return open_group(key, *value);
}

}  // namespace

JobRun::JobRun(Parts parts, std::shared_ptr<const JobSpec> spec, JobState state,
               std::function<void()> ended)
    : parts_(std::move(parts)),
      spec_(std::move(spec)),
      state_(std::move(state)),
      written_(state_),
      ended_(std::move(ended)),
      pulse_(parts_.hub.shards().at(0).executor()) {}

std::shared_ptr<JobRun> JobRun::begin(Parts parts, std::shared_ptr<const JobSpec> spec,
                                      JobState state, std::function<void()> ended) {
    auto run = std::make_shared<JobRun>(std::move(parts), std::move(spec), std::move(state),
                                        std::move(ended));
    asio::co_spawn(run->parts_.hub.shards().at(0).executor(), live(run), asio::detached);
    return run;
}

Task<> JobRun::live(std::shared_ptr<JobRun> self) { co_await self->run(); }

void JobRun::tick() {
    if (work_) work_->tick();
    const Moment now = parts_.hub.clock().monotonic();
    for (const auto& [index, group] : open_)
        if (!group->saving && group->unsaved && now >= group->save_at) {
            if (group->left == 0) save_done(group);
            else save(group, {});
        }
    pulse_.wake();
}

void JobRun::rest() {
    resting_ = true;
    if (work_) work_->rest();
    for (const auto& [index, group] : open_)
        if (group->unsaved && !group->saving && group->left != 0) save(group, {});
}

void JobRun::cancel() {
    cancelled_ = true;
    pulse_.wake();
}

JobView JobRun::view() const {
    JobView view{*spec_, state_, 0};
    for (const auto& [index, group] : open_) {
        view.state.succeeded += group->succeeded;
        view.state.failed += group->failed;
    }
    if (work_) view.running = work_->under_way();
    return view;
}

std::map<std::string, JobGroup> JobRun::open_groups() const {
    std::map<std::string, JobGroup> groups;
    for (const auto& [index, group] : open_) groups.emplace(group->group.key, group->group);
    return groups;
}

bool JobRun::is_over() const {
    return cancelled_ || parts_.hub.clock().now() >= deadline_of(*spec_, state_);
}

Task<Result<>> JobRun::settled() {
    return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
        [this](auto handler) {
            parts_.commits.on_settled(
                [h = std::move(handler)](const Result<>& result) mutable { std::move(h)(result); });
        },
        asio::use_awaitable);
}

// The store may refuse for a while: a full disk. The job waits.
Task<> JobRun::write_state(JobState next) {
    while (true) {
        written_ = next;
        parts_.commits.batch().put(Family::metadata, job_state_key(spec_->id),
                                   stored_state(*spec_, next));
        if (co_await settled()) break;
        co_await pulse_.wait();
    }
    state_ = std::move(next);
}

Task<> JobRun::run() {
    if (state_.status != JobStatus::running) {
        JobState next = state_;
        next.status = JobStatus::running;
        next.started = parts_.hub.clock().now();
        co_await write_state(std::move(next));
        parts_.hub.log().info("job.started", {{"job", spec_->id}, {"type", name_of(spec_->type)}});
        parts_.events.publish(job_event(*spec_, state_, state_.started));
    }
    const bool resumed = state_.resolved;
    Result<> done = {};
    if (!resumed) done = co_await resolve();
    if (done && state_.resolved) {
        done = co_await read_groups();
        if (done) {
            uncertain_until_ = resumed ? base_ + groups_ahead : 0;
            done = co_await work_through();
        }
    }
    if (!done) co_await finish(JobStatus::failed, done.error().message);
    else if (state_.resolved && base_ == groups_.size()) co_await finish(JobStatus::completed, {});
    else if (cancelled_) co_await finish(JobStatus::cancelled, {});
    else
        co_await finish(
            JobStatus::failed,
            "The job was not done within " + std::to_string(spec_->time_max.count()) + " seconds");
}

Task<Result<std::vector<std::string>>> JobRun::keys_of_devices() {
    CO_TRY(const auto plan, targets_plan(spec_->condition, parts_.hub.settings().query_options));
    while (true) {
        auto keys = co_await twin_keys_of(parts_.hub, plan);
        const bool later = !keys && keys.error().code == Code::throttled && !is_over();
        if (!later) co_return keys;
        co_await pulse_.wait();
    }
}

// Which devices, once and for all. Nothing has been done to any of them before the list is durable,
// so a restart in its middle begins anew.
Task<Result<>> JobRun::resolve() {
    CO_TRY(const std::vector<std::string> keys, co_await keys_of_devices());
    const std::string id = spec_->id;
    const std::size_t group_max = devices_in_group(spec_->type);
    store::Engine& engine = parts_.hub.shards().engine();
    while (!is_over()) {
        const store::Range range = job_groups_range(id);
        parts_.commits.batch().remove_range(Family::metadata, range.from, range.to);
        std::uint64_t devices = 0;
        bool written = true;
        for (std::size_t at = 0; at < keys.size() && written;) {
            const std::span<const std::string> rest = std::span(keys).subspan(at);
            // Whole slots, so that groups do not depend on where a commit ends.
            std::size_t count = std::min(rest.size(), listed_at_once);
            while (count < rest.size() && rest[count].starts_with(rest[count - 1].substr(0, 2)))
                ++count;
            CO_TRY(const std::vector<JobGroup> groups,
                   co_await parts_.hub.shards().off_loop<Result<std::vector<JobGroup>>>(
                       [&] { return groups_of(engine, id, rest.first(count), group_max); }));
            for (const JobGroup& group : groups) {
                devices += group.devices.size();
                parts_.commits.batch().put(Family::metadata, group.key, stored_group(group));
            }
            written = (co_await settled()).has_value();
            at += count;
        }
        JobState next = state_;
        next.resolved = true;
        next.devices = devices;
        if (written) {
            co_await write_state(std::move(next));
            co_return Result<>{};
        }
        co_await pulse_.wait();
    }
    co_return Result<>{};
}

Task<Result<>> JobRun::read_groups() {
    store::Engine& engine = parts_.hub.shards().engine();
    CO_TRY(const std::vector<StoredGroup> stored,
           co_await parts_.hub.shards().off_loop<Result<std::vector<StoredGroup>>>(
               [&engine, this] { return stored_groups(engine, spec_->id); }));
    for (const StoredGroup& group : stored) groups_.push_back({group.key, group.done});
    advance();
    next_ = base_;
    co_return Result<>{};
}

bool JobRun::has_room() const {
    return !resting_ && next_ < groups_.size() && next_ < base_ + groups_ahead &&
           open_devices_ < devices_ahead;
}

Task<Result<>> JobRun::work_through() {
    const DeviceWork::Host host{
        .progressed =
            [weak = weak_from_this()](const OpenGroupPtr& group) {
                if (const auto self = weak.lock()) self->progressed(group);
            },
        .save =
            [weak = weak_from_this()](const OpenGroupPtr& group, std::function<void(bool)> then) {
                if (const auto self = weak.lock()) self->save(group, std::move(then));
            }};
    if (spec_->type == JobType::method)
        work_ = std::make_shared<MethodWork>(parts_.hub, *spec_, parts_.rate, host);
    else work_ = std::make_shared<TwinWork>(parts_.hub, *spec_, parts_.rate, host);
    store::Engine& engine = parts_.hub.shards().engine();
    Result<> result = {};
    while (base_ < groups_.size() && !is_over() && result) {
        if (!has_room()) {
            co_await pulse_.wait();
            continue;
        }
        const std::size_t index = next_++;
        if (groups_[index].done) continue;
        auto group = co_await parts_.hub.shards().off_loop<Result<JobGroup>>(
            [&engine, &key = groups_[index].key] { return read_group(engine, key); });
        if (!group) {
            result = std::unexpected(std::move(group).error());
            break;
        }
        const auto open = std::make_shared<OpenGroup>();
        open->index = index;
        open->group = std::move(*group);
        for (const JobDevice& device : open->group.devices) {
            if (device.status <= DeviceJobStatus::running) ++open->left;
            else if (device.status == DeviceJobStatus::completed) ++open->succeeded;
            else ++open->failed;
        }
        open_.emplace(index, open);
        open_devices_ += open->group.devices.size();
        if (open->left == 0) save_done(open);
        else work_->begin(open, index < uncertain_until_);
    }
    work_->stop();
    while (work_->under_way() != 0) co_await pulse_.wait();
    co_return result;
}

void JobRun::progressed(const OpenGroupPtr& group) {
    if (group->unsaved && !group->saving) {
        if (group->left == 0) save_done(group);
        else if (resting_) save(group, {});
    }
    pulse_.wake();
}

// The group as it is, while devices in it are still to come.
void JobRun::save(const OpenGroupPtr& group, std::function<void(bool)> then) {
    group->unsaved = false;
    group->save_at = parts_.hub.clock().monotonic() + save_every;
    parts_.commits.batch().put(Family::metadata, group->group.key, stored_group(group->group));
    parts_.commits.on_settled([group, then = std::move(then)](const Result<>& result) {
        if (!result) group->unsaved = true;
        if (then) then(result.has_value());
    });
}

// The last time, with the counts of the job.
void JobRun::save_done(const OpenGroupPtr& group) {
    group->unsaved = false;
    group->saving = true;
    group->group.done = true;
    group->save_at = parts_.hub.clock().monotonic() + save_every;
    written_.succeeded += group->succeeded;
    written_.failed += group->failed;
    store::Batch& batch = parts_.commits.batch();
    batch.put(Family::metadata, group->group.key, stored_group(group->group));
    batch.put(Family::metadata, job_state_key(spec_->id), stored_state(*spec_, written_));
    parts_.commits.on_settled(
        [weak = weak_from_this(), group, written = written_](const Result<>& result) {
            const auto self = weak.lock();
            if (!self) return;
            group->saving = false;
            if (!result) {  // and so is everything that was handed over behind it
                group->unsaved = true;
                group->group.done = false;
                self->written_ = self->state_;
                return;
            }
            self->state_ = written;
            self->groups_[group->index].done = true;
            self->open_devices_ -= group->group.devices.size();
            self->open_.erase(group->index);
            self->advance();
            self->pulse_.wake();
        });
}

void JobRun::advance() {
    while (base_ < groups_.size() && groups_[base_].done) ++base_;
}

Task<> JobRun::finish(JobStatus how, std::string reason) {
    // What is on its way comes first: counts build on each other.
    while (std::ranges::any_of(open_, [](const auto& each) { return each.second->saving; }))
        co_await pulse_.wait();
    const Instant now = parts_.hub.clock().now();
    JobState next = state_;
    next.status = how;
    next.ended = now;
    next.failure_reason = std::move(reason);
    for (const auto& [index, group] : open_) {
        next.succeeded += group->succeeded;
        next.failed += group->failed;
    }
    // Those that were never reached did not succeed.
    if (how != JobStatus::completed) next.failed = next.devices - next.succeeded;
    while (true) {
        store::Batch& batch = parts_.commits.batch();
        for (const auto& [index, group] : open_)
            batch.put(Family::metadata, group->group.key, stored_group(group->group));
        batch.put(Family::metadata, job_state_key(spec_->id), stored_state(*spec_, next));
        if (co_await settled()) break;
        co_await pulse_.wait();
    }
    open_.clear();
    state_ = std::move(next);
    JobMetrics& metrics = parts_.hub.metrics().jobs;
    metrics.ended(how == JobStatus::completed ? JobMetrics::End::completed
                  : how == JobStatus::failed  ? JobMetrics::End::failed
                                              : JobMetrics::End::cancelled);
    parts_.hub.log().info("job.ended", {{"job", spec_->id},
                                        {"status", name_of(how)},
                                        {"devices", state_.devices},
                                        {"failed", state_.failed}});
    parts_.events.publish(job_event(*spec_, state_, now));
    ended_();
}

}  // namespace twinhub::hub

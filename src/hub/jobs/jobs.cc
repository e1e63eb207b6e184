#include "hub/jobs/jobs.h"

#include "base/encoding.h"
#include "hub/commit_queue.h"
#include "hub/hub.h"
#include "hub/jobs/job_event.h"
#include "hub/jobs/job_rows.h"
#include "hub/jobs/job_run.h"
#include "hub/secrets.h"
#include "hub/streams.h"
#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace twinhub::hub {
namespace {

using store::Area;
using store::Family;
using store::Kind;

constexpr std::chrono::minutes forget_every{1};
constexpr std::size_t forget_at_once = 100;
// What became of so many devices is kept, over all ended jobs: about 50 bytes each.
constexpr std::uint64_t devices_kept_max = 20'000'000;

struct Job {
    std::shared_ptr<const JobSpec> spec;
    bool shortened = false;  // what is to be done is in the store alone: the job has ended
    JobState state;
    bool shown = false;    // durable
    bool closing = false;  // being cancelled or forgotten
    std::shared_ptr<JobRun> run;
};

std::shared_ptr<const JobSpec> shortened(const JobSpec& spec) {
    JobSpec made = spec;
    made.task.clear();
    made.condition.clear();
    return std::make_shared<const JobSpec>(std::move(made));
}

Result<JobSpec> read_spec(const store::Engine& engine, const std::string& id) {
    const std::string key = job_key(id);
    TRY(const std::optional<std::string> value, engine.get(Family::metadata, key));
    if (!value) return failure(Code::job_not_found, "There is no job '" + id + "' any more");
    TRY(const store::Opened opened, store::open(Kind::job, job_format, "metadata", key, *value));
    return decode_job(id, opened.body);
}

Error not_found(const std::string& id) {
    return {Code::job_not_found, "There is no job '" + id + "'", {}};
}

// Where a page of the list begins: behind this job.
using Place = std::pair<Instant, std::string>;

std::string to_cursor(const Place& place) {
    return std::to_string(place.first.time_since_epoch().count()) + "." + hex_encode(place.second);
}

std::optional<Place> parse_cursor(std::string_view text) {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    std::int64_t ticks = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + dot, ticks);
    auto id = hex_decode(text.substr(dot + 1));
    if (error != std::errc() || end != text.data() + dot || !id) return std::nullopt;
    return Place{Instant{Ticks{ticks}}, std::move(*id)};
}

}  // namespace

struct Jobs::State {
    explicit State(Hub& owner)
        : hub(owner),
          commits(owner.shards().at(0).executor(), owner.committer(),
                  stream_of(Work::jobs, owner.shards().size()), owner.clock(), owner.metrics(),
                  [](const Error&) {}),
          rate(std::make_shared<Rate>(owner.settings().jobs.devices_per_second)) {}

    Hub& hub;
    CommitQueue commits;
    std::shared_ptr<Rate> rate;
    DeviceEvents events;
    std::map<std::string, Job> jobs;
    std::set<Place> by_age;        // of all jobs
    std::set<std::string> active;  // that have not ended
    Moment next_forget{};
    bool ending = false;

    Shard& home() { return hub.shards().at(0); }
    JobMetrics& metrics() { return hub.metrics().jobs; }
    const JobSettings& settings() { return hub.settings().jobs; }

    void add(Job job) {
        by_age.emplace(job.spec->created, job.spec->id);
        if (!has_ended(job.state.status)) active.insert(job.spec->id);
        jobs.emplace(job.spec->id, std::move(job));
    }
    void drop(const std::string& id) {
        const auto found = jobs.find(id);
        if (found == jobs.end()) return;
        by_age.erase({found->second.spec->created, id});
        active.erase(id);
        jobs.erase(found);
    }
    JobView view(const Job& job) const {
        JobView view = job.run ? job.run->view() : JobView{*job.spec, job.state, 0};
        view.state.status = status_at(*job.spec, view.state, hub.clock().now());
        return view;
    }
    void has_come_to_an_end(Job& job) {
        active.erase(job.spec->id);
        job.spec = shortened(*job.spec);
        job.shortened = true;
    }

    Task<Result<>> settled() {
        return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
            [this](auto handler) {
                commits.on_settled([h = std::move(handler)](const Result<>& result) mutable {
                    std::move(h)(result);
                });
            },
            asio::use_awaitable);
    }

    void begin_due();
    void forget(const std::vector<std::string>& ids, prometheus::Counter& counter);
    void forget_old();
    void displace();
    Task<Result<JobView>> create(JobSpec spec);
    Task<Result<JobView>> cancel(std::string id, bool running);
    Task<Result<>> complete(std::vector<JobView>& views);
};

Jobs::Jobs(Hub& hub) : state_(std::make_unique<State>(hub)) {}

Jobs::~Jobs() {
    for (auto& [id, job] : state_->jobs)
        if (job.run) job.run->abandon();
}

Result<> Jobs::load() {
    std::map<std::string, Job> found;
    const auto cursor =
        state_->hub.shards().engine().scan(Family::metadata, store::area_range(Area::job));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const std::string_view key = cursor->key();
        const auto damaged = [&key](const Error& error) {
            return failure(error.code, error.message,
                           error.where.empty() ? "metadata/" + store::printable(key) : error.where);
        };
        std::string id(key.substr(1));
        const bool is_state = id.ends_with('\0');
        if (is_state) id.pop_back();
        TRY(const store::Opened opened, store::open(is_state ? Kind::job_state : Kind::job,
                                                    is_state ? job_state_format : job_format,
                                                    "metadata", key, cursor->value()));
        Job& job = found[id];
        if (is_state) {
            auto state = decode_job_state(opened.body);
            if (!state) return damaged(state.error());
            job.state = std::move(*state);
            continue;
        }
        auto spec = decode_job(id, opened.body);
        if (!spec) return damaged(spec.error());
        job.spec = std::make_shared<const JobSpec>(std::move(*spec));
    }
    TRY_VOID(cursor->status());
    for (auto& [id, job] : found) {
        if (!job.spec)
            return failure(Code::corrupted, "A job has a state and is not there",
                           "metadata/" + store::printable(job_state_key(id)));
        job.shown = true;
        if (has_ended(job.state.status)) {
            job.spec = shortened(*job.spec);
            job.shortened = true;
        }
        state_->add(std::move(job));
    }
    return {};
}

DeviceEvents& Jobs::events() { return state_->events; }

void Jobs::tick() {
    State& state = *state_;
    std::size_t under_way = 0;
    // A run may end a job, and so leave the list.
    for (const std::string& id : std::vector(state.active.begin(), state.active.end())) {
        const auto found = state.jobs.find(id);
        if (found == state.jobs.end() || !found->second.run) continue;
        const std::shared_ptr<JobRun> run = found->second.run;
        run->tick();
        under_way += run->under_way();
    }
    state.begin_due();
    const Moment now = state.hub.clock().monotonic();
    if (now >= state.next_forget) {
        state.next_forget = now + forget_every;
        state.forget_old();
    }
    state.metrics().active.Set(static_cast<double>(state.active.size()));
    state.metrics().kept.Set(static_cast<double>(state.jobs.size()));
    state.metrics().devices_under_way.Set(static_cast<double>(under_way));
}

void Jobs::end() {
    asio::post(state_->home().executor(), [&state = *state_] {
        state.ending = true;
        for (auto& [id, job] : state.jobs)
            if (job.run) job.run->rest();
    });
}

// Those that ran before a restart first, then by when they were to begin.
void Jobs::State::begin_due() {
    if (ending) return;
    const Instant now = hub.clock().now();
    std::size_t running = 0;
    std::vector<Job*> due;
    for (const std::string& id : active) {
        Job& job = jobs.at(id);
        if (job.run) ++running;
        else if (job.shown && !job.closing && job.spec->start <= now) due.push_back(&job);
    }
    std::ranges::sort(due, {}, [](const Job* job) {
        return std::tuple(job->state.status != JobStatus::running, job->spec->start,
                          job->spec->created, job->spec->id);
    });
    for (Job* const job : due) {
        if (running++ >= std::max<std::size_t>(1, settings().running_max)) break;
        job->run = JobRun::begin({hub, commits, rate, events}, job->spec, job->state,
                                 [this, id = job->spec->id] {
                                     Job& ended = jobs.at(id);
                                     ended.state = ended.run->durable();
                                     ended.run.reset();
                                     has_come_to_an_end(ended);
                                 });
    }
}

void Jobs::State::forget(const std::vector<std::string>& ids, prometheus::Counter& counter) {
    for (const std::string& id : ids) {
        jobs.at(id).closing = true;
        store::Batch& batch = commits.batch();
        batch.remove(Family::metadata, job_key(id));
        batch.remove(Family::metadata, job_state_key(id));
        const store::Range range = job_groups_range(id);
        batch.remove_range(Family::metadata, range.from, range.to);
        commits.on_settled([this, id, &counter](const Result<>& result) {
            if (!result) {
                jobs.at(id).closing = false;
                return;
            }
            drop(id);
            counter.Increment();
        });
    }
}

void Jobs::State::forget_old() {
    const Instant before = hub.clock().now() - settings().history_age;
    std::vector<std::string> old;
    for (const auto& [id, job] : jobs)
        if (has_ended(job.state.status) && !job.closing && job.state.ended < before &&
            old.size() < forget_at_once)
            old.push_back(id);
    // There may be more.
    if (old.size() == forget_at_once) next_forget = {};
    forget(old, metrics().forgotten);

    std::uint64_t devices = 0;
    for (const auto& [id, job] : jobs)
        if (!job.closing) devices += job.state.devices;
    std::vector<std::string> too_many;
    for (const auto& [created, id] : by_age) {
        if (devices <= devices_kept_max || too_many.size() == forget_at_once) break;
        const Job& job = jobs.at(id);
        if (!has_ended(job.state.status) || job.closing) continue;
        devices -= job.state.devices;
        too_many.push_back(id);
    }
    forget(too_many, metrics().forgotten_early);
}

// Makes room for one more.
void Jobs::State::displace() {
    if (jobs.size() < settings().kept_max) return;
    for (const auto& [created, id] : by_age) {
        const Job& job = jobs.at(id);
        if (!has_ended(job.state.status) || job.closing) continue;
        return forget({id}, metrics().forgotten_early);
    }
}

Task<Result<JobView>> Jobs::State::create(JobSpec spec) {
    const std::string id = spec.id;
    if (jobs.contains(id))
        co_return failure(Code::job_already_exists, "There is a job '" + id + "' already");
    if (active.size() >= settings().active_max) {
        metrics().refused_too_many.Increment();
        co_return failure(Code::too_many_jobs,
                          "There are " + std::to_string(active.size()) +
                              " jobs that have not ended, and no more are taken until one has");
    }
    displace();
    Job job{.spec = std::make_shared<const JobSpec>(std::move(spec))};
    commits.batch().put(Family::metadata, job_key(id), stored_job(*job.spec));
    commits.batch().put(Family::metadata, job_state_key(id), stored_state(*job.spec, job.state));
    const JobView created{*job.spec, job.state, 0};
    add(std::move(job));
    const Result<> durable = co_await settled();
    if (!durable) {
        drop(id);
        co_return std::unexpected(durable.error());
    }
    jobs.at(id).shown = true;
    hub.log().info("job.created", {{"job", id},
                                   {"type", name_of(created.spec.type)},
                                   {"policy", created.spec.author.principal},
                                   {"client", created.spec.author.client}});
    co_return created;
}

Task<Result<JobView>> Jobs::create(JobSpec spec) {
    State& state = *state_;
    const auto what = spec.type == JobType::method ? JobMetrics::Operation::create_method
                                                   : JobMetrics::Operation::create_twin_update;
    if (spec.type != JobType::method) {
        CO_TRY(const twin::ServiceUpdate update, update_of(spec));
        CO_TRY_VOID(check_secrets(state.hub.settings(), update));
    }
    auto work = [&state, &spec] { return state.create(std::move(spec)); };
    Result<JobView> created = co_await Shards::on(state.home(), std::move(work));
    state.metrics().operation(what, created.has_value());
    co_return created;
}

// What ended jobs were to do is read where they stand.
Task<Result<>> Jobs::State::complete(std::vector<JobView>& views) {
    const auto lacks = [](const JobView& view) { return view.spec.task.empty(); };
    if (std::ranges::none_of(views, lacks)) co_return Result<>{};
    store::Engine& engine = hub.shards().engine();
    co_return co_await hub.shards().off_loop<Result<>>([&views, &engine, &lacks]() -> Result<> {
        for (JobView& view : views) {
            if (!lacks(view)) continue;
            auto spec = read_spec(engine, view.spec.id);
            if (spec) view.spec = std::move(*spec);
            else if (spec.error().code != Code::job_not_found)
                return std::unexpected(std::move(spec).error());
        }
        std::erase_if(views, lacks);  // forgotten in this moment
        return {};
    });
}

Task<Result<std::optional<JobView>>> Jobs::get(std::string id) {
    State& state = *state_;
    auto work = [&state, &id]() -> Task<Result<std::optional<JobView>>> {
        const auto found = state.jobs.find(id);
        if (found == state.jobs.end() || !found->second.shown) co_return std::optional<JobView>{};
        std::vector<JobView> one{state.view(found->second)};
        CO_TRY_VOID(co_await state.complete(one));
        if (one.empty()) co_return std::optional<JobView>{};
        co_return std::optional(std::move(one.front()));
    };
    co_return co_await Shards::on(state.home(), std::move(work));
}

Task<Result<JobView>> Jobs::State::cancel(std::string id, bool running) {
    const auto found = jobs.find(id);
    if (found == jobs.end() || !found->second.shown) co_return std::unexpected(not_found(id));
    Job& job = found->second;
    const JobStatus status = job.run ? job.run->durable().status : job.state.status;
    if (has_ended(status) || job.closing)
        co_return failure(Code::state_conflict, "The job '" + id + "' has ended already: it is " +
                                                    std::string(name_of(status)));
    if (job.run || status == JobStatus::running) {
        if (!running || !job.run)
            co_return failure(Code::state_conflict, "The job '" + id + "' is running already");
        job.run->cancel();
        co_return view(job);
    }
    job.closing = true;
    JobState next = job.state;
    next.status = JobStatus::cancelled;
    next.ended = hub.clock().now();
    commits.batch().put(Family::metadata, job_state_key(id), stored_state(*job.spec, next));
    const Result<> durable = co_await settled();
    job.closing = false;  // nobody removes a job that is closing: it is still there
    if (!durable) co_return std::unexpected(durable.error());
    events.publish(job_event(*job.spec, next, next.ended));
    JobView cancelled{*job.spec, next, 0};
    job.state = std::move(next);
    has_come_to_an_end(job);
    metrics().ended(JobMetrics::End::cancelled);
    hub.log().info("job.cancelled", {{"job", id}});
    co_return cancelled;
}

Task<Result<JobView>> Jobs::cancel(std::string id, bool running) {
    State& state = *state_;
    auto work = [&state, &id, running] { return state.cancel(std::move(id), running); };
    Result<JobView> cancelled = co_await Shards::on(state.home(), std::move(work));
    state.metrics().operation(JobMetrics::Operation::cancel, cancelled.has_value());
    co_return cancelled;
}

Task<Result<JobPage>> Jobs::list(JobFilter filter, std::string cursor, std::size_t limit) {
    State& state = *state_;
    auto work = [&state, &filter, &cursor, limit]() -> Task<Result<JobPage>> {
        auto at = state.by_age.end();
        if (!cursor.empty()) {
            const auto place = parse_cursor(cursor);
            if (!place)
                co_return failure(Code::argument_invalid,
                                  "The continuation token is not one of ours");
            at = state.by_age.lower_bound(*place);
        }
        JobPage page;
        while (!filter.nothing && at != state.by_age.begin()) {
            --at;
            const Job& job = state.jobs.at(at->second);
            if (!job.shown || (filter.type && job.spec->type != *filter.type)) continue;
            JobView view = state.view(job);
            if (filter.status && view.state.status != *filter.status) continue;
            if (page.jobs.size() == limit) {
                page.cursor = to_cursor({page.jobs.back().spec.created, page.jobs.back().spec.id});
                break;
            }
            page.jobs.push_back(std::move(view));
        }
        CO_TRY_VOID(co_await state.complete(page.jobs));
        co_return page;
    };
    Result<JobPage> page = co_await Shards::on(state.home(), std::move(work));
    state.metrics().operation(JobMetrics::Operation::list, page.has_value());
    co_return page;
}

Task<Result<QueryPage>> Jobs::devices(std::shared_ptr<const query::Plan> plan,
                                      PageRequest request) {
    State& state = *state_;
    CO_TRY(JobRows rows, JobRows::begin(plan, std::move(request), state.hub.clock()));
    auto gather = [&state, &rows]() -> Task<> {
        for (const auto& [id, job] : state.jobs) {
            if (!job.shown || !rows.wants(id)) continue;
            const JobState& durable = job.run ? job.run->durable() : job.state;
            if (!durable.resolved) continue;
            rows.add(
                {.spec = job.spec,
                 .state = durable,
                 .open = job.run ? job.run->open_groups() : std::map<std::string, JobGroup>{}});
        }
        co_return;
    };
    co_await Shards::on(state.home(), std::move(gather));
    store::Engine& engine = state.hub.shards().engine();
    Result<QueryPage> page = co_await state.hub.shards().off_loop<Result<QueryPage>>(
        [&rows, &engine] { return rows.read(engine); });
    state.metrics().operation(JobMetrics::Operation::query, page.has_value());
    co_return page;
}

}  // namespace twinhub::hub

#include "hub/hub.h"

#include "base/encoding.h"
#include "hub/changes/changes.h"
#include "hub/configurations/configurations.h"
#include "hub/connections/connections.h"
#include "hub/jobs/jobs.h"
#include "hub/rollouts/rollouts.h"
#include "hub/series/fleet_series.h"
#include "hub/streams.h"
#include "store/committer.h"

#include <boost/asio/post.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace twinhub::hub {
namespace {

constexpr std::chrono::seconds tell_of_start_every{2};

}  // namespace

Hub::Hub(Settings settings, Seams seams)
    : settings_(std::move(settings)), seams_(std::move(seams)) {
    changes_ = std::make_unique<Changes>(*this);
    committer_ = std::make_unique<store::Committer>(
        seams_.engine, seams_.clock,
        store::CommitterOptions{
            .index_changes = true,
            .indexed = [this](std::uint64_t commit) { changes_->written(commit); },
            .threaded = seams_.committer_threaded});
    const auto count = static_cast<std::uint32_t>(seams_.loops.size());
    const auto live_count = std::make_shared<LiveCount>(0);
    const auto feedback = std::make_shared<FeedbackSignal>();
    series_ = std::make_unique<FleetSeries>(*this);
    std::vector<std::unique_ptr<Shard>> shards;
    for (std::uint32_t index = 0; index < count; ++index)
        shards.push_back(std::make_unique<Shard>(
            index, count, seams_.loops[index],
            Shard::Parts{settings_, seams_.engine, *committer_, seams_.clock, seams_.random,
                         seams_.log, seams_.metrics, seams_.pool, identities_, live_count, trust_,
                         feedback, drift_events_, connection_events_, watches_,
                         changes_->released(), series_->names()}));
    shards_ = std::make_unique<Shards>(std::move(shards), seams_.pool, seams_.engine);
    certificates_ = std::make_unique<Certificates>(
        Certificates::Parts{*shards_, *committer_, stream_of(Work::certificates, count),
                            seams_.clock, seams_.random, seams_.log, seams_.metrics, trust_});
    registry_ = std::make_unique<Registry>(*shards_);
    twins_ = std::make_unique<Twins>(*shards_);
    queries_ = std::make_unique<Queries>(*shards_, settings_, seams_.clock, seams_.random);
    live_queries_ = std::make_unique<LiveQueries>(*queries_, settings_, seams_.clock, seams_.random,
                                                  seams_.metrics, live_count);
    drifts_ = std::make_unique<Drifts>(*shards_, *queries_, settings_, seams_.clock);
    connections_ = std::make_unique<Connections>(*shards_, seams_.clock);
    methods_ = std::make_unique<Methods>(*shards_);
    cloud_messages_ = std::make_unique<CloudMessages>(*shards_, settings_, seams_.random);
    feedback_ = std::make_unique<Feedback>(*shards_, seams_.random, feedback);
    configurations_ = std::make_unique<Configurations>(*this);
    watches_.push_back(configurations_.get());
    jobs_ = std::make_unique<Jobs>(*this);
    rollouts_ = std::make_unique<Rollouts>(*this);
    watches_.push_back(rollouts_.get());
}

Hub::~Hub() { committer_->stop(); }

Result<std::unique_ptr<Hub>> Hub::open(Settings settings, Seams seams) {
    StartProgress unseen;
    return open(std::move(settings), std::move(seams), unseen);
}

Result<std::unique_ptr<Hub>> Hub::open(Settings settings, Seams seams, StartProgress& progress) {
    std::unique_ptr<Hub> hub(new Hub(std::move(settings), std::move(seams)));
    const std::size_t count = hub->shards_->size();
    std::vector<Result<>> results(count);
    std::mutex mutex;
    std::condition_variable finished;
    std::size_t left = count;
    for (std::size_t index = 0; index < count; ++index)
        asio::post(hub->seams_.pool, [&, index] {
            results[index] = hub->shards_->at(index).recover(progress);
            const std::scoped_lock lock(mutex);
            if (--left == 0) finished.notify_one();
        });
    std::unique_lock lock(mutex);
    while (!finished.wait_for(lock, tell_of_start_every, [&] { return left == 0; }))
        hub->seams_.log.info("hub.starting",
                             {{"twins_read", progress.read.load()}, {"of", progress.twins.load()}});
    for (Result<>& result : results) TRY_VOID(std::move(result));
    TRY_VOID(hub->changes_->load());
    TRY_VOID(hub->certificates_->load(hub->seams_.engine));
    TRY_VOID(hub->configurations_->load());
    TRY_VOID(hub->jobs_->load());
    TRY_VOID(hub->rollouts_->load());
    TRY_VOID(hub->series_->load());
    return hub;
}

bool Hub::is_host(std::string_view host) const {
    if (const std::size_t colon = host.rfind(':');
        colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos)
        host = host.substr(0, colon);
    if (equals_ignoring_case(host, settings_.name)) return true;
    for (const std::string& alias : settings_.aliases)
        if (equals_ignoring_case(host, alias)) return true;
    return false;
}

std::shared_ptr<const Policies> Hub::policies() const { return policies_.load(); }
void Hub::set_policies(std::shared_ptr<const Policies> policies) {
    policies_.store(std::move(policies));
}

bool Hub::accepts_writes() const {
    for (std::size_t index = 0; index < shards_->size(); ++index)
        if (shards_->at(index).failing()) return false;
    return true;
}

void Hub::tick(std::size_t loop) {
    shards_->at(loop).tick();
    if (loop != 0) return;
    changes_->tick();
    configurations_->tick();
    jobs_->tick();
    rollouts_->tick();
    series_->tick();
}

void Hub::end_waits() {
    jobs_->end();
    for (std::size_t index = 0; index < shards_->size(); ++index)
        asio::post(shards_->at(index).executor(),
                   [&shard = shards_->at(index)] { shard.end_calls(); });
}

Task<> Hub::drain() {
    for (std::size_t index = 0; index < shards_->size(); ++index) {
        Shard& shard = shards_->at(index);
        auto work = [&shard] { return shard.drain(); };
        co_await Shards::on(shard, std::move(work));
    }
}

}  // namespace twinhub::hub

#include "hub/shard_live.h"

#include "hub/limits.h"
#include "hub/shard.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;

// Changes that wait to be told. Beyond, the queries begin anew.
constexpr std::size_t waiting_max = 10'000;

std::string event_of(const TwinId& id, const std::string& row, std::uint64_t version) {
    std::string data = "{\"key\":" + live_key(id.device.text(), id.module.text());
    if (!row.empty()) {
        data += ",\"row\":";
        data += row;
    }
    data += ",\"version\":" + std::to_string(version) + '}';
    return data;
}

}  // namespace

ShardLive::ShardLive(Shard& shard, LiveColumns& columns, const Clock& clock, Metrics& metrics,
                     std::shared_ptr<const LiveCount> count)
    : shard_(shard),
      columns_(columns),
      clock_(clock),
      metrics_(metrics),
      count_(std::move(count)) {}

ShardLive::~ShardLive() { columns_.listen(nullptr); }

void ShardLive::begin(const std::shared_ptr<LiveQuery>& query, std::uint64_t generation) {
    query->begun(shard_.index(), generation);
    const std::uint64_t from = told_ + waiting_.size();
    const auto known = std::ranges::find(watching_, query, &Watching::query);
    if (known != watching_.end()) {
        known->generation = generation;
        known->from = from;
        return;
    }
    columns_.listen(this);
    watching_.push_back({query, generation, from, LiveFilter(query->plan().asked, clock_.now())});
}

void ShardLive::tick(Moment now) {
    for (const Watching& each : watching_) each.query->tick(now);
    std::erase_if(watching_, [](const Watching& each) { return each.query->is_over(); });
    if (watching_.empty()) columns_.listen(nullptr);
    metrics_.live_queries.Set(static_cast<double>(count_->load()));
}

void ShardLive::changed(RowChange change) {
    // That a device was seen interests few.
    if (!change.is_loaded && std::ranges::none_of(watching_, [](const Watching& each) {
            return each.filter.reads_presence();
        }))
        return;
    waiting_.push_back(std::move(change));
    if (waiting_.size() > waiting_max) return give_up();
    schedule();
}

void ShardLive::give_up() {
    for (const Watching& each : watching_) each.query->overflow(each.generation);
    told_ += waiting_.size();
    waiting_.clear();
}

void ShardLive::schedule() {
    if (loading_ || std::exchange(scheduled_, true)) return;
    asio::post(shard_.executor(), [this] { work(); });
}

void ShardLive::work() {
    scheduled_ = false;
    const Moment began = clock_.monotonic();
    while (!waiting_.empty()) {
        if (watching_.empty()) {
            told_ += waiting_.size();
            return waiting_.clear();
        }
        if (!waiting_.front().is_loaded) {
            loading_ = true;
            asio::co_spawn(shard_.executor(), load(waiting_.front().id), asio::detached);
            return;
        }
        RowChange change = std::move(waiting_.front());
        waiting_.pop_front();
        tell(std::move(change));
        ++told_;
        if (clock_.monotonic() - began >= slice_time) return schedule();
    }
}

// The twin of a device that was seen while its twin was not in memory.
Task<> ShardLive::load(TwinId id) {
    const Result<TwinView> view = co_await shard_.view(id);
    loading_ = false;
    if (!waiting_.empty() && waiting_.front().id == id && !waiting_.front().is_loaded) {
        RowChange& first = waiting_.front();
        // The twin as it was then is what the next change of it began with.
        const auto next =
            std::find_if(waiting_.begin() + 1, waiting_.end(),
                         [&](const RowChange& each) { return each.is_loaded && each.id == id; });
        if (next != waiting_.end()) {
            first.complete(*next->was);
        } else if (view) {
            first.complete(*view);
        } else {
            waiting_.pop_front();
            ++told_;
        }
    }
    schedule();
}

void ShardLive::tell(RowChange change) {
    const query::Collection collection =
        change.id.is_module() ? query::Collection::modules : query::Collection::devices;
    ChangedTwin changed(std::move(change.was), std::move(change.is));
    const std::uint64_t version =
        (changed.is() ? changed.is() : changed.was())->twin.versions.version;
    for (Watching& each : watching_) {
        const query::Plan& plan = *each.query->plan().asked;
        if (plan.collection != collection || told_ < each.from || each.query->is_over() ||
            each.filter.is_indifferent(changed))
            continue;
        if (plan.grouped) {
            if (each.filter.counts(changed)) each.query->touch(each.generation);
            continue;
        }
        const auto verdict = each.filter.decide(changed);
        if (verdict && each.query->push(each.generation, verdict->kind,
                                        event_of(change.id, verdict->row, version)))
            metrics_.live_events.Increment();
    }
}

}  // namespace twinhub::hub

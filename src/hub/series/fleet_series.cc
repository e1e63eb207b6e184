#include "hub/series/fleet_series.h"

#include "hub/commit_queue.h"
#include "hub/hub.h"
#include "hub/series/reading.h"
#include "hub/streams.h"
#include "store/keys.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <map>

namespace twinhub::hub {

using store::Family;

namespace {

constexpr std::size_t values_looked_at = 10'000;  // of a path, to find the commonest
constexpr std::chrono::hours sweep_every{1};
constexpr std::chrono::minutes sweep_again_after{1};
constexpr std::size_t sweep_max = 20'000;  // samples in one sweep

Result<std::optional<SeriesSample>> stored_sample(const store::Engine& engine,
                                                  const std::string& key) {
    TRY(const std::optional<std::string> value, engine.get(Family::metadata, key));
    if (!value) return std::optional<SeriesSample>{};
    TRY(SeriesSample sample, open_sample(key, *value));
    return std::optional(std::move(sample));
}

}  // namespace

struct FleetSeries::Stored {
    explicit Stored(Hub& hub)
        : queue(hub.shards().at(0).executor(), hub.committer(),
                stream_of(Work::series, hub.shards().size()), hub.clock(), hub.metrics(),
                [](const Error&) {}) {}
    CommitQueue queue;
};

FleetSeries::FleetSeries(Hub& hub) : hub_(hub) {
    Result<std::vector<SeriesPath>> paths = series_paths(hub.settings().series);
    if (!paths) settings_ = std::unexpected(paths.error());
    names_ = std::make_unique<SeriesNames>(paths ? std::move(*paths) : std::vector<SeriesPath>{});
}

FleetSeries::~FleetSeries() = default;

std::string_view FleetSeries::by_of(std::size_t index) const {
    return index == 0 ? std::string_view() : names_->paths()[index - 1].text;
}

Result<> FleetSeries::load() {
    TRY_VOID(Result<>(settings_));
    stored_ = std::make_unique<Stored>(hub_);
    const store::Engine& engine = hub_.shards().engine();
    Shards& shards = hub_.shards();
    // A value that had a series goes on with it; then the commonest get theirs.
    for (std::size_t i = 0; i < names_->paths().size(); ++i) {
        const SeriesPath& path = names_->paths()[i];
        TRY(const std::optional<std::string> last,
            engine.last_key(Family::metadata,
                            series_range(SeriesLevel::hour, path.text, 0,
                                         series_number(SeriesLevel::hour, hub_.clock().now()))));
        if (last) {
            TRY(const auto sample, stored_sample(engine, *last));
            for (const SeriesSample::Group& group : sample->groups)
                if (group.counts.devices() != 0) names_->keep(i, group.key);
        }
        std::map<std::string, std::uint64_t, std::less<>> counts;
        for (std::size_t k = 0; k < shards.size(); ++k)
            ShardSeries::each_value(shards.at(k).columns().table(query::Collection::devices), path,
                                    [&](const query::Value& value) {
                                        const std::optional<std::string> name = series_name(value);
                                        if (!name) return;
                                        if (const auto known = counts.find(*name);
                                            known != counts.end())
                                            ++known->second;
                                        else if (counts.size() < values_looked_at)
                                            counts.emplace(*name, 1);
                                    });
        std::vector<std::pair<std::uint64_t, std::string>> commonest;
        commonest.reserve(counts.size());
        for (const auto& [name, count] : counts) commonest.emplace_back(count, name);
        std::ranges::sort(commonest, [](const auto& a, const auto& b) {
            return a.first != b.first ? a.first > b.first : a.second < b.second;
        });
        for (auto& [count, name] : commonest) names_->keep(i, std::move(name));
    }
    for (std::size_t k = 0; k < shards.size(); ++k)
        shards.at(k).series().fill(shards.at(k).columns().table(query::Collection::devices));
    // The hour that runs goes on.
    hour_ = series_number(SeriesLevel::hour, hub_.clock().now());
    hours_.assign(names_->paths().size() + 1, {});
    for (std::size_t i = 0; i < hours_.size(); ++i) {
        TRY(auto sample, stored_sample(engine, series_key(SeriesLevel::hour, by_of(i), hour_)));
        if (sample) hours_[i] = std::move(*sample);
    }
    return {};
}

void FleetSeries::tick() {
    const Instant now = hub_.clock().now();
    const std::int64_t minute = series_number(SeriesLevel::minute, now);
    if (const Moment moment = hub_.clock().monotonic(); !sweeping_ && moment >= next_sweep_) {
        sweeping_ = true;
        next_sweep_ = moment + sweep_every;
        asio::co_spawn(hub_.shards().at(0).executor(), sweep(now), asio::detached);
    }
    // Where the clock was set back, the minutes that come again take the place of the old ones.
    if (!minute_ || minute < *minute_) minute_ = minute;
    if (minute == *minute_ || taking_) return;
    taking_ = true;
    minute_ = minute;
    asio::co_spawn(hub_.shards().at(0).executor(), take(minute - 1), asio::detached);
}

Task<> FleetSeries::take(std::int64_t minute) {
    std::vector<ShardSeries::Tally> each(hub_.shards().size());
    const Result<> done =
        co_await hub_.shards().on_all([&each](Shard& shard, std::size_t index) -> Task<Result<>> {
            each[index] = shard.series().take();
            co_return Result<>();
        });
    if (done) write(minute, samples_of(each));
    taking_ = false;
}

FleetSeries::Samples FleetSeries::samples_of(const std::vector<ShardSeries::Tally>& tallies) const {
    Samples samples(names_->paths().size() + 1);
    for (const ShardSeries::Tally& tally : tallies) samples[0].all.add(tally.all);
    for (std::size_t path = 0; path < names_->paths().size(); ++path) {
        std::vector<SeriesCounts> sum;
        for (const ShardSeries::Tally& tally : tallies) {
            const std::vector<SeriesCounts>& own = tally.by[path];
            if (own.size() > sum.size()) sum.resize(own.size());
            for (std::size_t i = 0; i < own.size(); ++i) sum[i].add(own[i]);
        }
        SeriesSample& sample = samples[path + 1];
        // After the tallies: each of their groups has its name.
        const std::vector<std::string> names = names_->names(path);
        sum.resize(std::max(sum.size(), names.size() + SeriesNames::named));
        sample.missing = sum[SeriesNames::missing];
        sample.rest = sum[SeriesNames::rest];
        for (std::size_t i = 0; i < names.size(); ++i)
            if (const SeriesCounts& counts = sum[i + SeriesNames::named]; !counts.empty())
                sample.groups.push_back({names[i], counts});
        std::ranges::sort(sample.groups, {}, &SeriesSample::Group::key);
    }
    return samples;
}

// The minute and the hour that runs, in one commit: the hour is what its minutes are.
void FleetSeries::write(std::int64_t minute, const Samples& samples) {
    const std::int64_t hour = (minute - (minute % 60 + 60) % 60) / 60;
    if (hour != hour_) {
        hour_ = hour;
        hours_.assign(samples.size(), {});
    }
    store::Batch& batch = stored_->queue.batch();
    for (std::size_t i = 0; i < samples.size(); ++i) {
        hours_[i].follow(samples[i]);
        const std::string minute_key = series_key(SeriesLevel::minute, by_of(i), minute);
        batch.put(Family::metadata, minute_key, sealed_sample(minute_key, samples[i]));
        const std::string hour_key = series_key(SeriesLevel::hour, by_of(i), hour);
        batch.put(Family::metadata, hour_key, sealed_sample(hour_key, hours_[i]));
    }
    stored_->queue.on_settled([this](const Result<>& result) {
        if (result) loss_told_ = false;
        else tell_loss(result.error());
    });
}

// Once for each time of trouble.
void FleetSeries::tell_loss(const Error& why) {
    if (std::exchange(loss_told_, true)) return;
    hub_.log().error("series.minute_lost", {{"what", why.message}, {"where", why.where}});
}

Task<> FleetSeries::sweep(Instant now) {
    auto look = [this, now] {
        return find_expired_samples(hub_.shards().engine(), now, sweep_max);
    };
    const auto found =
        co_await hub_.shards().off_loop<Result<std::vector<std::string>>>(std::move(look));
    sweeping_ = false;
    if (!found) {
        hub_.log().error("series.unreadable",
                         {{"what", found.error().message}, {"where", found.error().where}});
        co_return;
    }
    if (found->empty()) co_return;
    for (const std::string& key : *found) stored_->queue.batch().remove(Family::metadata, key);
    // What could not be removed is found again.
    stored_->queue.on_settled([](const Result<>&) {});
    if (found->size() >= sweep_max) next_sweep_ = hub_.clock().monotonic() + sweep_again_after;
}

struct FleetSeries::Question {
    SeriesReading reading;
    std::string by;   // as it is stored
    std::string key;  // the one group that is asked for; empty: all
};

Result<FleetSeries::Question> FleetSeries::question_of(const SeriesRequest& request) const {
    Question question;
    const auto not_kept = [this](std::string_view path, std::string_view where) {
        std::string list;
        for (const SeriesPath& each : names_->paths())
            list += (list.empty() ? "" : ", ") + each.text;
        return failure(Code::argument_invalid,
                       "No series is kept by '" + std::string(path) +
                           "'; the setting drift.series_by has " +
                           (list.empty() ? "no paths" : list),
                       std::string(where));
    };
    if (!request.by.empty() && !request.where.empty())
        return failure(Code::argument_invalid,
                       "A series is of all devices by a path, or of those of a condition", "where");
    std::optional<SeriesPath> path;
    if (!request.by.empty()) {
        const auto by = SeriesPath::parse(request.by);
        if (!by) return not_kept(request.by, "by");
        path = *by;
    } else if (!request.where.empty()) {
        TRY(SeriesCondition condition, series_condition(request.where));
        path = std::move(condition.path);
        question.key = std::move(condition.key);
    }
    if (path) {
        if (std::ranges::find(names_->paths(), *path) == names_->paths().end())
            return not_kept(path->text, request.by.empty() ? "where" : "by");
        question.by = path->text;
    }
    TRY(question.reading,
        reading_of(request.window, request.step, hub_.clock().now(),
                   request.by.empty() ? series_points_max : series_points_by_max));
    return question;
}

Task<Result<FleetSeriesAnswer>> FleetSeries::read(SeriesRequest request) {
    CO_TRY(const Question question, question_of(request));
    const SeriesReading& reading = question.reading;
    FleetSeriesAnswer answer{.at = hub_.clock().now(),
                             .from = reading.from(),
                             .until = reading.until(),
                             .step = reading.step,
                             .by = request.by.empty() ? std::string() : question.by};
    using Steps = std::vector<std::optional<SeriesSample>>;
    const auto steps = [&](std::string by) {
        auto look = [this, reading, by = std::move(by)] {
            return read_steps(hub_.shards().engine(), by, reading);
        };
        return hub_.shards().off_loop<Result<Steps>>(std::move(look));
    };
    if (request.where.empty()) {
        CO_TRY(const Steps all, co_await steps(""));
        for (const auto& one : all)
            answer.line.push_back(one ? std::optional(one->all) : std::nullopt);
    }
    if (question.by.empty()) co_return answer;
    CO_TRY(const Steps some, co_await steps(question.by));
    if (!question.key.empty()) {
        answer.line = line_of(some, question.key);
        co_return answer;
    }
    for (std::string& key : keys_of(some)) {
        SeriesLine line = line_of(some, key);
        answer.groups.push_back({std::move(key), std::move(line)});
    }
    for (const auto& one : some) {
        answer.rest.push_back(one ? std::optional(one->rest) : std::nullopt);
        answer.missing.push_back(one ? std::optional(one->missing) : std::nullopt);
    }
    co_return answer;
}

}  // namespace twinhub::hub

#include "hub/shard.h"

#include "hub/configurations/shard_configurations.h"
#include "hub/series/shard_series.h"
#include "hub/stored_twin.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::hub {

using store::Family;

Shard::Shard(std::uint32_t index, std::uint32_t count, Executor executor, const Parts& parts)
    : index_(index),
      count_(count),
      executor_(std::move(executor)),
      parts_(parts),
      queue_(executor_, parts.committer, index, parts.clock, parts.metrics,
             [this](const Error& why) { take_back(why); }),
      lanes_(executor_),
      drift_judge_(parts.settings.drift),
      series_(std::make_unique<ShardSeries>(parts.series_names)),
      drift_(
          {.judge = drift_judge_,
           .clock = parts.clock,
           .columns = columns_,
           .metrics = parts.metrics.drift,
           .events = parts.drift_events,
           .fetch =
               [this](const TwinId& id, std::function<void(const Entry*)> done) {
                   with_entry(id, [done = std::move(done)](const Result<EntryPtr>& entry) {
                       done(entry ? entry->get() : nullptr);
                   });
               },
           .presence = [this](const Entry& entry) { return presence_of(entry.id, entry.presence); },
           .applied = [this](const TwinId& id) { return configurations_->applied(id); },
           .series = *series_,
           .metrics_tag = parts.settings.converge_tag}),
      connections_(parts.settings.connections, parts.connection_events),
      fleet_queries_({.shard = *this,
                      .columns = columns_,
                      .clock = parts.clock,
                      .cursors_max = parts.settings.query_cursors_max / count,
                      .engine = parts.engine,
                      .pool = parts.pool,
                      .judge = drift_judge_}),
      live_(*this, columns_, parts.clock, parts.metrics, parts.live_queries),
      feedback_({.settings = parts.settings,
                 .clock = parts.clock,
                 .log = parts.log,
                 .metrics = parts.metrics,
                 .commits = queue_,
                 .signal = parts.feedback,
                 .shards = count}),
      messages_({.settings = parts.settings,
                 .engine = parts.engine,
                 .clock = parts.clock,
                 .random = parts.random,
                 .log = parts.log,
                 .metrics = parts.metrics,
                 .commits = queue_,
                 .feedback = feedback_,
                 .executor = executor_,
                 .pool = parts.pool,
                 .shards = count,
                 .show = [this](const TwinId& id,
                                std::uint32_t messages) { show_messages(id, messages); }}),
      calls_({.settings = parts.settings,
              .clock = parts.clock,
              .metrics = parts.metrics,
              .shards = count,
              .taker = [this](const TwinId& id,
                              std::string_view method) { return taker_of(id, method); },
              .connected = [this](const TwinId& id) { return links_.contains(id); }}),
      configurations_(std::make_unique<ShardConfigurations>(*this)) {}

Shard::~Shard() = default;

Error Shard::not_found(const TwinId& id) {
    // The text of the service error is just the id (spec service-api 3.3).
    return Error{id.is_module() ? Code::module_not_found : Code::device_not_found, id.text(), {}};
}

EntryPtr Shard::find(const TwinId& id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return nullptr;
    found->second->used.store(parts_.clock.monotonic(), std::memory_order_relaxed);
    return found->second;
}

const Entry* Shard::in_memory(const TwinId& id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.get();
}

Result<Shard::Loaded> Shard::decode(const TwinId& id, const Records& records, Depth depth) const {
    Loaded loaded;
    const std::string key = store::twin_key(id);
    const StoredTwin stored{.key = key,
                            .identity = records.identity,
                            .twin = records.twin,
                            .presence = records.presence};
    TRY(const TwinBodies bodies,
        depth == Depth::twin ? open_records(stored) : open_identity(stored));
    if (bodies.identity) {
        auto identity = std::make_shared<Identity>();
        TRY_VOID(decode_identity_of(id, *bodies.identity, *identity));
        loaded.state.identity = std::move(identity);
    }
    if (bodies.twin) TRY_VOID(decode_twin_record(*bodies.twin, loaded.state));
    if (bodies.presence) {
        TRY(loaded.presence, presence_at_start(*bodies.presence, parts_.settings.session_age));
    }
    return loaded;
}

std::optional<Result<Shard::Loaded>> Shard::load_cached(const TwinId& id, Depth depth) const {
    const std::string key = store::twin_key(id);
    const auto read = [&](Family family, std::string_view at, std::optional<std::string>& into) {
        store::Cached cached = parts_.engine.get_cached(family, at);
        if (cached.outcome == store::Cached::Outcome::found) into = std::move(cached.value);
        return cached.outcome != store::Cached::Outcome::ask_disk;
    };
    Records found;
    if (!read(Family::identities, key, found.identity)) return std::nullopt;
    if (!found.identity) return Loaded{};
    if (depth == Depth::twin && !read(Family::twins, key, found.twin)) return std::nullopt;
    if (!read(Family::metadata, store::metadata_key(store::Area::presence, key), found.presence))
        return std::nullopt;
    return decode(id, found, depth);
}

Result<Shard::Loaded> Shard::load_from_disk(const TwinId& id, Depth depth) const {
    const std::string key = store::twin_key(id);
    Records found;
    TRY(found.identity, parts_.engine.get(Family::identities, key));
    if (!found.identity) return Loaded{};
    if (depth == Depth::twin) {
        TRY(found.twin, parts_.engine.get(Family::twins, key));
    }
    TRY(found.presence,
        parts_.engine.get(Family::metadata, store::metadata_key(store::Area::presence, key)));
    return decode(id, found, depth);
}

void Shard::tell_damage(const TwinId& id, const Error& error) const {
    parts_.metrics.records_damaged.Increment();
    parts_.log.error("store.record_damaged",
                     {{"id", id.text()}, {"what", error.message}, {"where", error.where}});
}

EntryPtr Shard::adopt(const TwinId& id, Loaded loaded) {
    // Somebody may have created it while the disk was read.
    if (EntryPtr existing = find(id)) return existing;
    auto entry = std::make_shared<Entry>(id);
    entry->durable = entry->newest = std::move(loaded.state);
    entry->presence = latest_presence(id, loaded.presence);
    entry->used.store(parts_.clock.monotonic(), std::memory_order_relaxed);
    // Unknown ids are not remembered: a peer could fill the memory with them.
    if (entry->durable.exists()) {
        const std::scoped_lock lock(shown_);
        entries_.emplace(id, entry);
    }
    return entry;
}

void Shard::with_entry(const TwinId& id, EntryDone done) {
    if (EntryPtr entry = find(id)) return done(std::move(entry));
    if (const auto waiting = loading_.find(id); waiting != loading_.end()) {
        waiting->second.push_back(std::move(done));
        return;
    }
    if (auto loaded = load_cached(id, Depth::twin)) {
        if (!*loaded) {
            tell_damage(id, loaded->error());
            return done(std::unexpected(loaded->error()));
        }
        return done(adopt(id, std::move(**loaded)));
    }
    loading_[id].push_back(std::move(done));
    load_entry(id);
}

void Shard::load_entry(const TwinId& id) {
    asio::post(parts_.pool, [this, id, before = presences_saved_] {
        asio::post(executor_,
                   [this, id, before, loaded = load_from_disk(id, Depth::twin)]() mutable {
                       loaded_entry(id, before, std::move(loaded));
                   });
    });
}

void Shard::load_entries(std::vector<TwinId> ids) {
    asio::post(parts_.pool, [this, ids = std::move(ids), before = presences_saved_]() mutable {
        std::vector<Result<Loaded>> all;
        all.reserve(ids.size());
        for (const TwinId& id : ids) all.push_back(load_from_disk(id, Depth::twin));
        asio::post(executor_, [this, ids = std::move(ids), before, all = std::move(all)]() mutable {
            for (std::size_t i = 0; i < ids.size(); ++i)
                loaded_entry(ids[i], before, std::move(all[i]));
        });
    });
}

void Shard::loaded_entry(const TwinId& id, std::uint64_t before, Result<Loaded> loaded) {
    // Changes of the twin wait for the entry, its presence does not: it may be newer.
    if (presences_saved_ != before) {
        auto again = load_cached(id, Depth::twin);
        if (!again) return load_entry(id);
        loaded = std::move(*again);
    }
    auto waiting = std::move(loading_.extract(id).mapped());
    if (!loaded) {
        tell_damage(id, loaded.error());
        for (EntryDone& next : waiting) next(std::unexpected(loaded.error()));
        return;
    }
    const EntryPtr entry = adopt(id, std::move(*loaded));
    for (EntryDone& next : waiting) next(entry);
}

Task<Result<EntryPtr>> Shard::entry(TwinId id) {
    if (EntryPtr known = find(id)) co_return known;
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<EntryPtr>)>(
        [this, &id](auto handler) {
            with_entry(id, [h = std::move(handler)](Result<EntryPtr> result) mutable {
                std::move(h)(std::move(result));
            });
        },
        asio::use_awaitable);
}

std::uint64_t Shard::shown_sequence(Slot slot) const {
    const auto shown = durable_sequence_.find(slot);
    return shown == durable_sequence_.end() ? 0 : shown->second;
}

Presence Shard::presence_of(const TwinId& id, const Presence& stored) const {
    const auto link = links_.find(id);
    return link == links_.end() ? stored : link->second.presence;
}

std::vector<TwinId> Shard::connected() const {
    std::vector<TwinId> ids;
    ids.reserve(links_.size());
    for (const auto& [id, link] : links_) ids.push_back(id);
    return ids;
}

}  // namespace twinhub::hub

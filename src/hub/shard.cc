#include "hub/shard.h"

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
      fleet_queries_(*this, columns_, parts.clock, parts.settings.query_cursors_max / count),
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
              .connected = [this](const TwinId& id) { return links_.contains(id); }}) {}

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

Result<Shard::Loaded> Shard::decode(const TwinId& id, const std::optional<std::string>& identity,
                                    const std::optional<std::string>& twin,
                                    const std::optional<std::string>& presence) const {
    Loaded loaded;
    const std::string key = store::twin_key(id);
    TRY(const TwinBodies bodies,
        open_records({.key = key, .identity = identity, .twin = twin, .presence = presence}));
    if (bodies.identity) {
        Identity decoded;
        TRY_VOID(decode_identity_of(id, *bodies.identity, decoded));
        loaded.state.identity = std::make_shared<const Identity>(std::move(decoded));
        TRY_VOID(decode_twin_record(*bodies.twin, loaded.state));
    }
    if (bodies.presence) {
        TRY(loaded.presence, presence_at_start(*bodies.presence, parts_.settings.session_age));
    }
    return loaded;
}

std::optional<Result<Shard::Loaded>> Shard::load_cached(const TwinId& id) const {
    const std::string key = store::twin_key(id);
    const auto read = [&](Family family, std::string_view at, std::optional<std::string>& into) {
        store::Cached cached = parts_.engine.get_cached(family, at);
        if (cached.outcome == store::Cached::Outcome::found) into = std::move(cached.value);
        return cached.outcome != store::Cached::Outcome::ask_disk;
    };
    std::optional<std::string> identity;
    std::optional<std::string> twin;
    std::optional<std::string> presence;
    if (!read(Family::identities, key, identity)) return std::nullopt;
    if (identity) {
        if (!read(Family::twins, key, twin)) return std::nullopt;
        if (!read(Family::metadata, store::metadata_key(store::Area::presence, key), presence))
            return std::nullopt;
    }
    return decode(id, identity, twin, presence);
}

Result<Shard::Loaded> Shard::load_from_disk(const TwinId& id) const {
    const std::string key = store::twin_key(id);
    TRY(const std::optional<std::string> identity, parts_.engine.get(Family::identities, key));
    if (!identity) return Loaded{};
    TRY(const std::optional<std::string> twin, parts_.engine.get(Family::twins, key));
    TRY(const std::optional<std::string> presence,
        parts_.engine.get(Family::metadata, store::metadata_key(store::Area::presence, key)));
    return decode(id, identity, twin, presence);
}

EntryPtr Shard::adopt(const TwinId& id, Loaded loaded) {
    // Somebody may have created it while the disk was read.
    if (EntryPtr existing = find(id)) return existing;
    auto entry = std::make_shared<Entry>(id);
    entry->durable = entry->newest = std::move(loaded.state);
    const auto unsaved = presence_unsaved_.find(id);
    entry->presence = unsaved == presence_unsaved_.end() ? loaded.presence : unsaved->second;
    entry->presence.messages = messages_.count(id);
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
    if (auto loaded = load_cached(id)) {
        if (!*loaded) {
            parts_.metrics.records_damaged.Increment();
            parts_.log.error("store.record_damaged", {{"id", id.text()},
                                                      {"what", loaded->error().message},
                                                      {"where", loaded->error().where}});
            return done(std::unexpected(loaded->error()));
        }
        return done(adopt(id, std::move(**loaded)));
    }
    loading_[id].push_back(std::move(done));
    asio::post(parts_.pool, [this, id] {
        asio::post(executor_, [this, id, loaded = load_from_disk(id)]() mutable {
            auto waiting = std::move(loading_.extract(id).mapped());
            if (!loaded) {
                parts_.metrics.records_damaged.Increment();
                parts_.log.error("store.record_damaged", {{"id", id.text()},
                                                          {"what", loaded.error().message},
                                                          {"where", loaded.error().where}});
                for (EntryDone& next : waiting) next(std::unexpected(loaded.error()));
                return;
            }
            const EntryPtr entry = adopt(id, std::move(*loaded));
            for (EntryDone& next : waiting) next(entry);
        });
    });
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

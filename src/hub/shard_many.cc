// How a shard changes many twins at once (bulk/).
#include "hub/shard.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>

namespace twinhub::hub {

// Whoever somebody else is loading already comes when they do; for the others the disk is asked
// once.
Task<std::vector<Result<EntryPtr>>> Shard::entries(std::vector<TwinId> ids) {
    struct Gathering {
        std::vector<Result<EntryPtr>> found;
        std::size_t left = 1;  // one for the gathering itself
        std::move_only_function<void()> resume;
        void come() {
            if (--left == 0) resume();
        }
    };
    const auto gathering = std::make_shared<Gathering>();
    gathering->found.resize(ids.size());
    std::vector<TwinId> missing;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const TwinId& id = ids[i];
        if (EntryPtr known = find(id)) {
            gathering->found[i] = std::move(known);
            continue;
        }
        auto waiting = loading_.find(id);
        if (waiting == loading_.end()) {
            if (auto cached = load_cached(id, Depth::twin)) {
                if (*cached) {
                    gathering->found[i] = adopt(id, std::move(**cached));
                } else {
                    tell_damage(id, cached->error());
                    gathering->found[i] = std::unexpected(cached->error());
                }
                continue;
            }
            missing.push_back(id);
            waiting = loading_.try_emplace(id).first;
        }
        ++gathering->left;
        waiting->second.push_back([gathering, i](Result<EntryPtr> entry) {
            gathering->found[i] = std::move(entry);
            gathering->come();
        });
    }
    if (gathering->left > 1) {
        if (!missing.empty()) load_entries(std::move(missing));
        co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [&gathering](auto handler) {
                gathering->resume = [h = std::move(handler)]() mutable { std::move(h)(); };
                gathering->come();
            },
            asio::use_awaitable);
    }
    co_return std::move(gathering->found);
}

Task<std::vector<Result<Shard::Changed>>> Shard::update_twins(std::vector<TwinId> ids,
                                                              MakeUpdate make, Author author) {
    std::vector<Result<EntryPtr>> loaded = co_await entries(ids);
    std::vector<Result<Changed>> results;
    results.reserve(ids.size());
    // Which answers are true only when what stands before them becomes durable.
    std::vector<bool> conditional(ids.size());
    const Instant now = parts_.clock.now();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!loaded[i]) {
            results.push_back(std::unexpected(std::move(loaded[i]).error()));
            continue;
        }
        const EntryPtr entry = current(*loaded[i]);
        const auto change = [&]() -> Result<Changed> {
            if (!entry->newest.exists()) return std::unexpected(not_found(ids[i]));
            TRY(std::optional<twin::ServiceUpdate> update, make(i, entry->newest));
            if (!update) return Changed{entry->newest.twin.versions, false};
            TRY(twin::Applied applied, twin::apply(entry->newest.twin, std::move(*update), now));
            const Changed changed{applied.next.versions, !applied.change.empty()};
            if (changed.written)
                stage_twin(entry, std::move(applied), author, [](const Result<>&) {});
            return changed;
        };
        results.push_back(change());
        conditional[i] = entry->pending != 0;
    }
    const Result<> durable = co_await settled();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!durable && conditional[i]) results[i] = std::unexpected(durable.error());
        parts_.metrics.twin_operation(Metrics::Side::service, Metrics::Operation::update,
                                      results[i].has_value());
    }
    co_return results;
}

}  // namespace twinhub::hub

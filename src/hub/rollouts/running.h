#pragma once

#include "hub/commit_queue.h"
#include "hub/hub.h"
#include "hub/lanes.h"
#include "hub/rollouts/rollouts.h"
#include "hub/streams.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

// What the sources of the engine share; nobody else includes this.
namespace twinhub::hub {

// A rollout on the first loop.
struct Rollouts::Running {
    RolloutRecord record;
    std::shared_ptr<const RolloutContext> context;
    std::vector<std::shared_ptr<RolloutPart>> parts;  // by shard; each of its own loop
    std::vector<WaveCounts> counts;                   // of all shards
    std::uint64_t unknown = 0, busy = 0;
    std::optional<Instant> opens;
    std::string reason;
    RolloutPtr view;
    std::uint64_t turns = 0;
    double tokens = 0;  // devices that may be told now, where there is a rate
    bool has_parts = false;
    bool is_new = false;

    Result<> make_context(std::shared_ptr<Zones> zones) {
        TRY(Touch touch, Touch::of(record.document.patch, record.document.content));
        context = std::make_shared<const RolloutContext>(
            RolloutContext{record.document, std::move(touch), std::move(zones)});
        return {};
    }
};

// The rollouts of a shard's twins, on its loop.
struct Rollouts::Side {
    struct Ref {
        std::shared_ptr<RolloutPart> part;
        std::uint32_t number = 0;
    };
    std::unordered_map<TwinId, std::vector<Ref>> devices;

    std::vector<PlannedOverlap> overlaps(std::string_view but, const TwinId& id,
                                         const std::vector<std::string>& paths) const;
};

// What the first loop writes.
struct Rollouts::Stored {
    explicit Stored(Hub& hub)
        : lanes(hub.shards().at(0).executor()),
          queue(hub.shards().at(0).executor(), hub.committer(),
                stream_of(Work::rollouts, hub.shards().size()), hub.clock(), hub.metrics(),
                [](const Error&) {}) {}

    Task<Result<>> settled() {
        return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
            [this](auto handler) {
                queue.on_settled([h = std::move(handler)](const Result<>& result) mutable {
                    std::move(h)(result);
                });
            },
            asio::use_awaitable);
    }

    Lanes lanes;  // orders for one rollout go one after the other
    CommitQueue queue;
};

}  // namespace twinhub::hub

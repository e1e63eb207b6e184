#pragma once

#include "hub/off_loop.h"
#include "hub/shard.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace twinhub::hub {

// All shards of a hub, and the way from one loop to another.
class Shards {
public:
    Shards(std::vector<std::unique_ptr<Shard>> shards, Executor pool, store::Engine& engine)
        : shards_(std::move(shards)), pool_(std::move(pool)), engine_(engine) {}

    Shard& of(const DeviceId& device) { return of(slot_of(device)); }
    Shard& of(Slot slot) { return *shards_[slot % shards_.size()]; }
    Shard& at(std::size_t index) { return *shards_[index]; }
    std::size_t size() const { return shards_.size(); }
    const Executor& pool() const { return pool_; }
    store::Engine& engine() { return engine_; }

    // Runs `work` on the loop of `shard` and comes back with its result. Already there: no detour.
    template <class Work>
    static auto on(Shard& shard, Work work) -> std::invoke_result_t<Work> {
        const Executor here = co_await asio::this_coro::executor;
        if (here == shard.executor()) co_return co_await work();
        co_return co_await asio::co_spawn(shard.executor(), std::move(work), asio::use_awaitable);
    }

    // Runs `work(shard, index)` on every shard's loop at the same time; the first error, if any.
    // What they write to must be theirs alone, or guarded.
    template <class Work>
    Task<Result<>> on_all(Work work) {
        // Only the work under way owns it, and with it this frame: owned from here, both would
        // stay for ever when the loops end in between.
        struct Meeting {
            std::atomic<std::size_t> left;
            std::mutex mutex;
            Result<> result{};
            std::move_only_function<void(Result<>)> resume;
            explicit Meeting(std::size_t expected) : left(expected) {}
            void leave(Result<> done) {
                if (!done) {
                    const std::scoped_lock lock(mutex);
                    if (result) result = std::move(done);
                }
                if (left.fetch_sub(1) == 1) resume(std::move(result));
            }
        };
        const Executor here = co_await asio::this_coro::executor;
        co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
            [&](auto handler) {
                const auto meeting = std::make_shared<Meeting>(shards_.size());
                meeting->resume = [here, h = std::move(handler)](Result<> result) mutable {
                    asio::dispatch(here, [h = std::move(h), r = std::move(result)]() mutable {
                        std::move(h)(std::move(r));
                    });
                };
                for (std::size_t index = 0; index < shards_.size(); ++index)
                    asio::co_spawn(shards_[index]->executor(), work(*shards_[index], index),
                                   [meeting](const std::exception_ptr& thrown, Result<> done) {
                                       if (thrown) std::rethrow_exception(thrown);
                                       meeting->leave(std::move(done));
                                   });
            },
            asio::use_awaitable);
    }

    // Runs a plain function that may wait for the disk on the pool.
    template <class Result, class Work>
    Task<Result> off_loop(Work work) {
        return hub::off_loop<Result>(pool_, std::move(work));
    }

private:
    std::vector<std::unique_ptr<Shard>> shards_;
    Executor pool_;
    store::Engine& engine_;
};

}  // namespace twinhub::hub

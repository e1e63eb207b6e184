#pragma once

#include "base/loop.h"
#include "hub/hub.h"
#include "hub/rollouts/rollouts.h"
#include "store/rocksdb/rocksdb_engine.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace twinhub::rollout_bench {

// A device that answers what it is told at once: some refuse the new mode.
class SimulatedDevice final : public hub::DeviceLink {
public:
    SimulatedDevice(TwinId id, bool is_bad) : id_(std::move(id)), is_bad_(is_bad) {}

    const TwinId& id() const { return id_; }
    void use(hub::Shard& shard) { shard_ = &shard; }
    // What a real device does when it has connected: looks, and answers what it missed.
    void catch_up(const twin::Twin& twin);

    void desired_changed(std::uint64_t version, std::string_view body) override;
    void invoke(std::uint64_t, std::string_view, std::string_view) override {}
    void deliver(const hub::LockedMessage&) override {}
    void end(hub::LinkEnd) override {}

private:
    void answer(const json::value& mode, std::uint64_t version);

    TwinId id_;
    bool is_bad_;
    hub::Shard* shard_ = nullptr;
    json::value answered_;  // the mode that it answered last
};

// A hub in this process, on a store on disk, which can be killed and started again.
class Machine {
public:
    Machine(std::string folder, std::size_t loops);
    ~Machine();

    void start();
    // As kill -9 leaves it: nothing is written that was not.
    void kill();
    bool is_running() const { return hub_ != nullptr; }
    hub::Hub& hub() { return *hub_; }
    store::Engine& engine() { return *engine_; }
    hub::Shard& shard(const TwinId& id) { return hub_->shards().of(id.device); }

    // Runs it on the first loop, or that of a shard, and waits for what it gives.
    template <class T>
    T run(Task<T> task) {
        return asio::co_spawn(loops_.front()->get_executor(), std::move(task), asio::use_future)
            .get();
    }
    template <class Work>
    void on_every_shard(Work work) {
        std::vector<std::future<void>> all;
        for (std::size_t i = 0; i < hub_->shards().size(); ++i)
            all.push_back(asio::co_spawn(hub_->shards().at(i).executor(),
                                         work(hub_->shards().at(i)), asio::use_future));
        for (auto& one : all) one.get();
    }

private:
    std::string folder_;
    std::size_t count_;
    SystemClock clock_;
    SystemRandom random_;
    Log log_;
    std::unique_ptr<store::Engine> engine_;
    std::unique_ptr<prometheus::Registry> registry_;
    std::unique_ptr<hub::Metrics> metrics_;
    std::vector<std::unique_ptr<Loop>> loops_;
    std::unique_ptr<asio::thread_pool> pool_;
    std::unique_ptr<hub::Hub> hub_;
    std::vector<std::jthread> threads_;
    std::jthread ticker_;
};

}  // namespace twinhub::rollout_bench

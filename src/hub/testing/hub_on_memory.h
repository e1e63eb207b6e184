#pragma once

#include "base/encoding.h"
#include "hub/hub.h"
#include "store/memory/memory_engine.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::hub {

// A clock that stands still until the test moves it.
class ManualClock final : public Clock {
public:
    Instant now() const override { return now_; }
    Moment monotonic() const override { return monotonic_; }
    void set(Instant now) { now_ = now; }
    void advance(std::chrono::seconds time) {
        now_ += time;
        monotonic_ += time;
    }

private:
    Instant now_ =
        std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + std::chrono::hours{10};
    Moment monotonic_{std::chrono::hours{1}};
};

// A whole hub on the memory store with one loop, which the test turns; for tests of the doors.
class HubOnMemory {
public:
    // `filled` puts into the store what the hub is to find there.
    explicit HubOnMemory(Settings settings = {.name = "hub.local"},
                         const std::function<void(store::Engine&)>& filled = {}) {
        if (filled) filled(engine_);
        auto opened = Hub::open(std::move(settings), Seams{engine_,
                                                           clock_,
                                                           random_,
                                                           log_,
                                                           metrics_,
                                                           {Executor(loop_.get_executor())},
                                                           Executor(pool_.get_executor())});
        CHECK(opened.has_value());
        hub_ = std::move(*opened);
        std::vector<Policy> policies;
        for (const char* name : {"iothubowner", "service", "device", "registryRead",
                                 "registryReadWrite", "provisioningserviceowner"})
            policies.push_back({name, default_rights(name), base64_encode(std::string(32, name[0])),
                                base64_encode(std::string(32, name[1]))});
        hub_->set_policies(std::make_shared<const Policies>(std::move(policies)));
    }
    ~HubOnMemory() {
        pool_.join();
        hub_.reset();
    }

    Hub& hub() { return *hub_; }
    ManualClock& clock() { return clock_; }
    store::MemoryEngine& engine() { return engine_; }
    Executor executor() { return loop_.get_executor(); }
    prometheus::Registry& registry() { return registry_; }
    // The decoded primary key of a policy.
    static std::string key_of(std::string_view policy) { return std::string(32, policy[0]); }

    // Turns the loop until `done` says so; commits come back from their own thread.
    template <class Done>
    void run_until(Done done) {
        loop_.restart();  // it stops whenever its work runs out
        auto work = asio::make_work_guard(loop_);
        while (!done()) loop_.run_one();
    }
    // Does all that can be done without waiting.
    void run_ready() {
        loop_.restart();
        loop_.poll();
        loop_.restart();
    }

private:
    asio::io_context loop_{1};
    asio::thread_pool pool_{1};
    store::MemoryEngine engine_;
    ManualClock clock_;
    SystemRandom random_;
    Log log_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    std::unique_ptr<Hub> hub_;
};

}  // namespace twinhub::hub

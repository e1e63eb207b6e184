// twinhub_rollout: a rollout over many simulated devices in this process, some of which refuse. It
// must stop within its first gated wave, and its way back must restore everybody, however often the
// hub is killed meanwhile.
#include "rollout/machine.h"
#include "store/keys.h"
#include "store/record.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <random>

namespace twinhub::rollout_bench {
namespace {

using namespace std::chrono_literals;
using hub::RolloutState;
using Seconds = std::chrono::duration<double>;

struct Options {
    std::size_t devices = 100'000;
    std::size_t loops = 2;
    int refuse_percent = 5;
    int kills = 0;
    unsigned seed = 1;
    std::string folder;
};

const hub::Author operator_author{.principal = "bench"};

double since(Moment begin) { return Seconds(SystemClock().monotonic() - begin).count(); }

class Run {
public:
    explicit Run(const Options& options)
        : options_(options), machine_(options.folder, options.loops), random_(options.seed) {
        for (std::size_t i = 0; i < options.devices; ++i) {
            const bool is_bad = static_cast<int>(i * 7919 % 100) < options.refuse_percent;
            devices_.push_back(std::make_unique<SimulatedDevice>(
                TwinId{DeviceId::parse(fmt::format("sensor-{:06}", i)).value(), {}}, is_bad));
        }
    }

    bool execute() {
        machine_.start();
        timed("create", [&] { create(); });
        timed("connect", [&] { connect(); });
        timed("plan", [&] { plan(); });
        act(hub::RolloutAction::start);
        timed("stop", [&] { go_until({RolloutState::held, RolloutState::completed}); });
        const hub::RolloutPtr stopped = view();
        const std::uint64_t first = stopped->waves[0].total();
        const std::uint64_t changed = count_changed();
        check(stopped->record.state == RolloutState::held, "it was not stopped by its gate");
        check(stopped->record.wave == 0, "it went beyond its first wave");
        check(changed <= first, "more devices were changed than the first wave has");
        const std::string reason = stopped->now;
        act(hub::RolloutAction::rollback);
        timed("rollback", [&] { go_until({RolloutState::rolled_back}); });
        check(count_changed() == 0, "somebody did not get the earlier values back");
        const auto counted = changes();
        for (const auto& [id, times] : counted) {
            check(times[0] == 1, "a device was changed more than once");
            check(times[1] == 1, "a device did not go back exactly once");
        }
        fmt::print(R"({{"devices":{},"refuse_percent":{},"kills":{},"first_wave":{},"changed":{},)"
                   R"("reason":"{}","seconds":{{)",
                   options_.devices, options_.refuse_percent, killed_, first, changed, reason);
        for (std::size_t i = 0; i < times_.size(); ++i)
            fmt::print("{}\"{}\":{:.3f}", i == 0 ? "" : ",", times_[i].first, times_[i].second);
        fmt::print("}},\"good\":{}}}\n", good_);
        return good_;
    }

private:
    void check(bool holds, std::string_view what) {
        if (holds) return;
        if (good_) fmt::print(stderr, "twinhub_rollout: {}\n", what);
        good_ = false;
    }
    template <class Work>
    void timed(const char* name, Work work) {
        const Moment begin = SystemClock().monotonic();
        work();
        times_.emplace_back(name, since(begin));
    }

    // Does `work` to every device on its shard's loop, many at a time.
    template <class Work>
    void for_each_device(Work work) {
        machine_.on_every_shard([&](hub::Shard& shard) -> Task<> {
            std::vector<SimulatedDevice*> mine;
            for (const auto& device : devices_)
                if (&machine_.shard(device->id()) == &shard) mine.push_back(device.get());
            std::size_t next = 0;
            auto lane = [&]() -> Task<> {
                while (next < mine.size()) {
                    SimulatedDevice& device = *mine[next++];
                    co_await work(shard, device);
                }
            };
            constexpr std::size_t lanes = 256;
            std::size_t left = lanes;
            co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
                [&](auto handler) {
                    auto done = std::make_shared<decltype(handler)>(std::move(handler));
                    for (std::size_t i = 0; i < lanes; ++i)
                        asio::co_spawn(shard.executor(), lane(),
                                       [&left, done](const std::exception_ptr& thrown) {
                                           CHECK(thrown == nullptr);
                                           if (--left == 0) std::move (*done)();
                                       });
                },
                asio::use_awaitable);
        });
    }
    void create() {
        for_each_device([](hub::Shard& shard, SimulatedDevice& device) -> Task<> {
            hub::IdentitySpec spec;
            spec.id = device.id();
            twin::ServiceUpdate beginning =
                twin::parse_service_update(R"({"tags":{"fleet":"sensors"},"properties":{"desired":
                    {"mode":1,"interval":60}}})",
                                           twin::Kind::patch)
                    .value();
            const auto made =
                co_await shard.create(std::move(spec), std::move(beginning), operator_author);
            CHECK(made.has_value());
        });
    }
    void connect() {
        for_each_device([](hub::Shard& shard, SimulatedDevice& device) -> Task<> {
            device.use(shard);
            const auto claimant = co_await shard.claimant(device.id());
            CHECK(claimant.has_value());
            shard.attach(claimant->view, device, {});
            const auto twin = co_await shard.view(device.id());
            CHECK(twin.has_value());
            device.catch_up(twin->twin);
        });
    }
    void plan() {
        auto document = hub::parse_rollout(
            parse_json(R"({"name":"bad-firmware","target":"tags.fleet = 'sensors'",
                "confirmAll":true,"patch":{"properties":{"desired":{"mode":2,"cache":{"kb":64}}}},
                "waves":[{"toPercent":1},{"toPercent":10},{"toPercent":50},{"rest":true}],
                "gates":{"convergedAtLeast":0.97,"rejectedAtMost":0.01,"soak":"PT5S"}})")
                .value()
                .as_object());
        CHECK(document.has_value());
        const auto made =
            machine_.run(machine_.hub().rollouts().plan(std::move(*document), {"bench"}));
        CHECK(made.has_value());
        check(made->differs == options_.devices, "the plan does not hit everybody");
        const auto saved = machine_.run(
            machine_.hub().rollouts().put("bad-firmware", made->token, operator_author));
        CHECK(saved.has_value());
    }
    void act(hub::RolloutAction action) {
        hub::Rollouts::Order order{action, {}, operator_author};
        order.author.reason = "a benchmark";
        const auto done =
            machine_.run(machine_.hub().rollouts().act("bad-firmware", std::move(order)));
        if (!done) fmt::print(stderr, "twinhub_rollout: {}\n", done.error().message);
        CHECK(done.has_value());
    }
    hub::RolloutPtr view() { return machine_.hub().rollouts().get("bad-firmware").value(); }

    void go_until(std::initializer_list<RolloutState> ends) {
        std::vector<double> kill_at;
        for (int i = 0; i < options_.kills; ++i)
            kill_at.push_back(std::uniform_real_distribution<>(0.05, 3)(random_));
        const Moment begin = SystemClock().monotonic();
        Moment up = begin;
        while (std::ranges::find(ends, view()->record.state) == ends.end()) {
            std::this_thread::sleep_for(10ms);
            if (!kill_at.empty() && since(up) >= kill_at.back()) {
                kill_at.pop_back();
                machine_.kill();
                machine_.start();
                ++killed_;
                connect();
                up = SystemClock().monotonic();
            }
            if (since(begin) > 600) {
                check(false, "it takes too long: " + view()->now);
                return;
            }
        }
    }
    // How many do not have what they began with.
    std::uint64_t count_changed() {
        std::atomic<std::uint64_t> count = 0;
        for_each_device([&count](hub::Shard& shard, SimulatedDevice& device) -> Task<> {
            const auto twin = co_await shard.view(device.id());
            CHECK(twin.has_value());
            if (to_text(twin->twin.desired.to_json()) != R"({"interval":60,"mode":1})") ++count;
        });
        return count;
    }
    // How often the rollout has changed each device, and put it back, by the log of changes.
    std::map<TwinId, std::array<int, 2>> changes() {
        std::map<TwinId, std::array<int, 2>> counted;
        const auto cursor = machine_.engine().scan(store::Family::changes, store::Range{});
        for (cursor->seek_first(); cursor->valid(); cursor->next()) {
            const auto opened = store::open(store::Kind::change, hub::change_record_format,
                                            "changes", cursor->key(), cursor->value());
            const auto record = hub::decode_change_record(opened.value().body).value();
            if (record.author.principal == "system:rollout/bad-firmware")
                ++counted[record.id][record.author.cause == hub::Cause::rollback ? 1 : 0];
        }
        return counted;
    }

    const Options options_;
    std::vector<std::unique_ptr<SimulatedDevice>> devices_;
    Machine machine_;
    std::mt19937 random_;
    std::vector<std::pair<std::string, double>> times_;
    int killed_ = 0;
    bool good_ = true;
};

}  // namespace
}  // namespace twinhub::rollout_bench

int main(int argc, char** argv) {
    twinhub::rollout_bench::Options options;
    CLI::App app{"A rollout over simulated devices, some of which refuse"};
    app.add_option("--devices", options.devices, "How many")->capture_default_str();
    app.add_option("--loops", options.loops, "Event loops")->capture_default_str();
    app.add_option("--refuse-percent", options.refuse_percent, "Who refuse")->capture_default_str();
    app.add_option("--kills", options.kills, "How often the hub is killed, each way")
        ->capture_default_str();
    app.add_option("--seed", options.seed, "Of the moments")->capture_default_str();
    app.add_option("--folder", options.folder, "An empty folder for the store")->required();
    CLI11_PARSE(app, argc, argv);
    std::filesystem::create_directories(options.folder);
    return twinhub::rollout_bench::Run(options).execute() ? 0 : 1;
}

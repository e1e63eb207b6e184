#include "rollout/machine.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace twinhub::rollout_bench {

void SimulatedDevice::catch_up(const twin::Twin& twin) {
    const twin::Node* const mode = twin.desired.find("mode");
    if (mode != nullptr && mode->leaf() != answered_) answer(mode->leaf(), mode->stamp().version);
}

void SimulatedDevice::desired_changed(std::uint64_t version, std::string_view body) {
    const auto delta = parse_json(body);
    const json::value* const mode = delta ? delta->as_object().if_contains("mode") : nullptr;
    if (mode != nullptr) answer(*mode, version);
}

void SimulatedDevice::answer(const json::value& mode, std::uint64_t version) {
    answered_ = mode;
    const bool refuses = is_bad_ && mode == json::value(2);
    std::string body = fmt::format(R"({{"mode":{{"value":{},"ac":{},"av":{},"ad":"{}"}}}})",
                                   refuses ? "1" : to_text(mode), refuses ? 400 : 200, version,
                                   refuses ? "no room" : "done");
    asio::post(shard_->executor(), [shard = shard_, id = id_, body = std::move(body)] {
        shard->report(id, twin::parse_report(body).value(), {}, {.cause = hub::Cause::device},
                      [](const Result<std::uint64_t>&) {});
    });
}

Machine::Machine(std::string folder, std::size_t loops)
    : folder_(std::move(folder)), count_(loops) {
    log_.configure(LogLevel::warn, Log::Format::text);
}

Machine::~Machine() {
    if (hub_) kill();
}

void Machine::start() {
    if (!engine_) {
        auto opened = store::open_rocksdb(folder_, {.hub = "bench"});
        CHECK(opened.has_value());
        engine_ = std::move(*opened);
    }
    registry_ = std::make_unique<prometheus::Registry>();
    metrics_ = std::make_unique<hub::Metrics>(*registry_);
    std::vector<Executor> executors;
    for (std::size_t i = 0; i < count_; ++i)
        executors.emplace_back(loops_.emplace_back(std::make_unique<Loop>())->get_executor());
    pool_ = std::make_unique<asio::thread_pool>(4);
    hub::Settings settings{.name = "hub.local"};
    settings.query_budget = {};
    auto opened = hub::Hub::open(settings, hub::Seams{*engine_, clock_, random_, log_, *metrics_,
                                                      std::move(executors), pool_->get_executor()});
    CHECK(opened.has_value());
    hub_ = std::move(*opened);
    for (const auto& loop : loops_)
        threads_.emplace_back([&loop] {
            const auto work = asio::make_work_guard(*loop);
            loop->run();
        });
    ticker_ = std::jthread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            for (std::size_t i = 0; i < loops_.size(); ++i)
                asio::post(*loops_[i], [this, i] { hub_->tick(i); });
            std::this_thread::sleep_for(std::chrono::milliseconds{100});
        }
    });
}

void Machine::kill() {
    ticker_ = {};
    for (const auto& loop : loops_) loop->stop();
    threads_.clear();
    pool_->stop();
    pool_->join();
    hub_.reset();
    discard_all(loops_);
    pool_.reset();
    loops_.clear();
    engine_.reset();
}

}  // namespace twinhub::rollout_bench

#pragma once

#include "base/loop.h"
#include "gateway/sinks/sink.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace twinhub::gateway::testing {

struct BenchClock final : Clock {
    Instant now() const override {
        return std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} +
               std::chrono::duration_cast<Instant::duration>(at.time_since_epoch());
    }
    Moment monotonic() const override { return at; }
    Moment at{std::chrono::hours{1}};
};

// What a sink stands on, on one loop turned by hand, with a clock that the test moves.
struct SinkBench : ::testing::Test {
    SinkBench() { log.configure(LogLevel::error, Log::Format::text); }
    ~SinkBench() override { loop.discard(); }

    SinkSeams seams() {
        return {.events = events,
                .executor = loop.get_executor(),
                .pool = loop.get_executor(),
                .deadlines = deadlines,
                .clock = clock,
                .random = random,
                .log = log,
                .metrics = metrics};
    }
    void publish(std::string_view device, std::string payload = "x") {
        events.publish(std::make_shared<const hub::DeviceEvent>(
            hub::DeviceEvent{.id = {DeviceId::parse(device).value(), {}},
                             .at = clock.now(),
                             .properties = {},
                             .payload = std::move(payload)}));
        run();
    }
    void run() {
        loop.restart();
        loop.poll();
    }
    void advance(std::chrono::seconds time) {
        deadlines.advance(clock.at += time);
        run();
    }

    double handed(const char* sink) { return metrics.handed.Add({{"sink", sink}}).Value(); }
    double lost(const char* sink) { return metrics.lost.Add({{"sink", sink}}).Value(); }
    double failures(const char* sink) { return metrics.failures.Add({{"sink", sink}}).Value(); }
    double waiting(const char* sink) { return metrics.waiting.Add({{"sink", sink}}).Value(); }

    hub::DeviceEvents events;
    Loop loop;
    BenchClock clock;
    SystemRandom random;
    Log log;
    Deadlines deadlines{clock.at};
    prometheus::Registry registry;
    SinkMetrics metrics{registry};
};

}  // namespace twinhub::gateway::testing

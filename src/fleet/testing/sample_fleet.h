#pragma once

#include "twin/view.h"

#include <fmt/format.h>

#include <string>

// A fleet as one would have it: twins of about 45 leaves at 8,000 sites, a few percent of them
// behind what is desired. The same seed gives the same fleet.
namespace twinhub::fleet::testing {

struct Sample {
    std::string device_id;
    std::string device_etag;
    twin::Twin twin;
    bool connected = false;
    Instant last_activity = never;

    twin::IdentityFacts facts() const {
        return {.device_id = device_id,
                .device_etag = device_etag,
                .status_update_time = Instant{std::chrono::seconds{1'690'000'000}},
                .connected = connected,
                .last_activity_time = last_activity};
    }
};

class SampleFleet {
public:
    explicit SampleFleet(std::uint64_t seed = 1) : state_(seed) {}

    Sample next() {
        const std::uint32_t index = made_++;
        Sample sample;
        sample.device_id = fmt::format("sensor-{:07}", index);
        sample.device_etag = fmt::format("{:012x}", number() & 0xFFFF'FFFF'FFFF);
        sample.connected = below(10) < 9;
        sample.last_activity = start + std::chrono::milliseconds{below(30) * 86'400'000 + index};
        const json::object desired = shape(false);
        json::object reported = below(100) < 7 ? shape(true) : desired;
        add_measured(reported);
        sample.twin.tags = twin::build(tags(index), {});
        sample.twin.desired = twin::build(desired, {start, 3});
        sample.twin.reported = twin::build(reported, {start, 0});
        sample.twin.versions = {.version = 4 + below(4000),
                                .etag = 2 + below(6),
                                .desired = 2 + below(5),
                                .reported = 1 + below(4000)};
        return sample;
    }

    // What a device sends now and then.
    json::object measurement() {
        return {{"battery", below(101)}, {"signal", {{"rssi", -40 - number_below(70)}}}};
    }

    json::object boot() { return {{"bootTime", boot_time()}}; }

private:
    static constexpr Instant start{std::chrono::seconds{1'700'000'000}};

    // SplitMix64: the same on every machine, unlike the distributions of the standard library.
    std::uint64_t number() {
        std::uint64_t mixed = state_ += 0x9E37'79B9'7F4A'7C15;
        mixed = (mixed ^ mixed >> 30) * 0xBF58'476D'1CE4'E5B9;
        mixed = (mixed ^ mixed >> 27) * 0x94D0'49BB'1331'11EB;
        return mixed ^ mixed >> 31;
    }
    std::uint64_t below(std::uint64_t bound) { return number() % bound; }
    std::int64_t number_below(std::uint64_t bound) {
        return static_cast<std::int64_t>(below(bound));
    }
    double fraction(double from, double to) {
        return from + (to - from) * static_cast<double>(number() >> 11) / (std::uint64_t{1} << 53);
    }
    template <std::size_t count>
    const char* one_of(const char* const (&texts)[count]) {
        return texts[below(count)];
    }

    std::string boot_time() {
        return format_instant(start + std::chrono::seconds{number_below(30 * 86'400)});
    }

    json::value tags(std::uint32_t index) {
        const std::uint64_t site = below(8000);
        return {{"site", fmt::format("site-{:04}", site)},
                {"zone", fmt::format("zone-{}", site % 24)},
                {"region", one_of({"emea", "apac", "amer", "latam", "africa"})},
                {"customer", fmt::format("customer-{:03}", site % 400)},
                {"hardware", {{"revision", one_of({"A1", "A2", "B1", "B2"})}, {"model", "TH-200"}}},
                {"position", {{"lat", fraction(-60, 60)}, {"lon", fraction(-180, 180)}}},
                {"ring", one_of({"canary", "early", "broad"})},
                {"serial", fmt::format("SN{:05}-{:06X}", index % 99991, below(1 << 24))}};
    }

    json::object shape(bool behind) {
        return {{"firmware",
                 {{"version", behind ? one_of({"2.2.0", "2.3.0", "2.3.5"})
                                     : one_of({"2.4.0", "2.4.1", "2.4.1", "2.4.1"})},
                  {"channel", "stable"}}},
                {"mode", behind ? "auto" : one_of({"auto", "eco", "manual"})},
                {"interval", 30 + 30 * number_below(4)},
                {"log", "info"},
                {"thresholds",
                 {{"temperature", {{"high", 30 + number_below(10)}, {"low", number_below(8)}}},
                  {"humidity", {{"high", 70 + number_below(20)}, {"low", 20 + number_below(10)}}},
                  {"pressure", 950.5 + static_cast<double>(below(60))}}},
                {"features",
                 {{"compress", below(2) == 0},
                  {"night", below(4) == 0},
                  {"alarm", true},
                  {"preview", below(50) == 0}}}};
    }

    void add_measured(json::object& reported) {
        reported["battery"] = below(101);
        reported["bootTime"] = boot_time();
        reported["calibration"] = {{"offset", fraction(-1, 1)}, {"gain", fraction(0.9, 1.1)}};
        reported["signal"] = {{"rssi", -40 - number_below(70)}, {"snr", number_below(30)}};
        reported["network"] = {{"operator", one_of({"alpha", "beta", "gamma"})},
                               {"band", number_below(12)}};
        reported["restarts"] = below(40);
        reported["health"] = below(20) == 0 ? "degraded" : "good";
    }

    std::uint64_t state_;
    std::uint32_t made_ = 0;
};

}  // namespace twinhub::fleet::testing

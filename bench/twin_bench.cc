// A typical twin: about 45 leaves, 1.2 KB of JSON (docs/benchmarks.md).
#include "twin/apply.h"
#include "twin/codec.h"
#include "twin/view.h"

#include <benchmark/benchmark.h>

namespace {

using namespace twinhub;
using namespace twinhub::twin;

constexpr Instant start{std::chrono::seconds{1'700'000'000}};
constexpr Instant now = start + std::chrono::hours{3};

Twin typical() {
    const auto service = parse_service_update(
        R"({"tags":{"site":"greenhouse-0042","region":"emea","hall":{"name":"west","bay":4,"row":17},
            "owner":"team-climate","model":"GH-200","commissioned":"2025-11-03","critical":false},
            "properties":{"desired":{"telemetry":{"interval":30,"batch":10,"compress":true},
            "climate":{"target":21.5,"humidity":55,"co2":800,"night":{"target":17.5,"from":"21:00","to":"06:00"}},
            "firmware":{"version":"4.2.1","url":"https://firmware.example/gh-200/4.2.1.bin","force":false},
            "alarms":{"high":32.5,"low":8.0,"delay":120},"mode":"auto","log":"info"}}})",
        Kind::patch);
    Twin twin = fresh_with(service.value(), start).value();
    const auto report = parse_report(
        R"({"telemetry":{"interval":30,"batch":10,"compress":true},
            "climate":{"temperature":21.25,"humidity":54.5,"co2":790,"vent":35,"heating":false,
            "night":{"target":17.5,"from":"21:00","to":"06:00"}},
            "firmware":{"version":"4.2.0","slot":"b","updated":"2026-01-17T04:12:09Z"},
            "network":{"ip":"10.20.30.40","rssi":-61,"operator":"example","dns":["10.20.30.1","10.20.30.2"]},
            "battery":{"level":87,"cycles":214,"health":"good"},"uptime":918273,"mode":"auto","errors":0})");
    return apply_report(twin, report.value(), {}, start + std::chrono::minutes{5})->next;
}

constexpr std::string_view report_body = R"({"climate":{"temperature":21.75,"humidity":54.0}})";
constexpr std::string_view desired_body =
    R"({"properties":{"desired":{"climate":{"target":22.0},"mode":"eco"}}})";

std::string encoded(const auto& value) {
    std::string bytes;
    append_encoded(bytes, value);
    return bytes;
}

void apply_reported_patch(benchmark::State& state) {
    const Twin twin = typical();
    const Patch patch = parse_report(report_body).value();
    for (auto _ : state) benchmark::DoNotOptimize(apply_report(twin, patch, {}, now));
    state.counters["change_bytes"] =
        static_cast<double>(encoded(apply_report(twin, patch, {}, now)->change).size());
}
BENCHMARK(apply_reported_patch);

void parse_and_apply_reported_patch(benchmark::State& state) {
    const Twin twin = typical();
    for (auto _ : state)
        benchmark::DoNotOptimize(apply_report(twin, parse_report(report_body).value(), {}, now));
}
BENCHMARK(parse_and_apply_reported_patch);

void apply_desired_patch(benchmark::State& state) {
    const Twin twin = typical();
    const ServiceUpdate update = parse_service_update(desired_body, Kind::patch).value();
    for (auto _ : state) benchmark::DoNotOptimize(apply(twin, update, now));
}
BENCHMARK(apply_desired_patch);

void parse_and_apply_desired_patch(benchmark::State& state) {
    const Twin twin = typical();
    for (auto _ : state)
        benchmark::DoNotOptimize(
            apply(twin, parse_service_update(desired_body, Kind::patch).value(), now));
}
BENCHMARK(parse_and_apply_desired_patch);

// The worst that a device can send: every one of some thousand keys of a full section again.
void apply_patch_of_every_key_of_a_full_section(benchmark::State& state) {
    std::string body = "{";
    for (int i = 0; i < 4600; ++i) {
        const char key[] = {static_cast<char>('A' + i % 26), static_cast<char>('a' + i / 26 % 26),
                            static_cast<char>('A' + i / 676)};
        body += '"' + std::string(key, sizeof key) + "\":true,";
    }
    body.back() = '}';
    const Patch patch = parse_report(body).value();
    const Twin twin = apply_report(fresh(start), patch, {}, start)->next;
    for (auto _ : state) benchmark::DoNotOptimize(apply_report(twin, patch, {}, now));
    state.counters["section"] = static_cast<double>(twin.reported.size());
}
BENCHMARK(apply_patch_of_every_key_of_a_full_section)->Unit(benchmark::kMicrosecond);

void encode_twin(benchmark::State& state) {
    const Twin twin = typical();
    std::string bytes;
    for (auto _ : state) {
        bytes.clear();
        append_encoded(bytes, twin);
        benchmark::DoNotOptimize(bytes.data());
    }
    state.counters["bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(encode_twin);

void decode_a_twin(benchmark::State& state) {
    const std::string bytes = encoded(typical());
    for (auto _ : state) benchmark::DoNotOptimize(decode_twin(bytes));
}
BENCHMARK(decode_a_twin);

void encode_change(benchmark::State& state) {
    const Change change =
        apply_report(typical(), parse_report(report_body).value(), {}, now)->change;
    std::string bytes;
    for (auto _ : state) {
        bytes.clear();
        append_encoded(bytes, change);
        benchmark::DoNotOptimize(bytes.data());
    }
}
BENCHMARK(encode_change);

void redo_a_stored_change(benchmark::State& state) {
    const Twin twin = typical();
    const std::string bytes =
        encoded(apply_report(twin, parse_report(report_body).value(), {}, now)->change);
    for (auto _ : state) benchmark::DoNotOptimize(redo(twin, decode_change(bytes).value()));
}
BENCHMARK(redo_a_stored_change);

void service_view(benchmark::State& state) {
    const Twin twin = typical();
    std::string out;
    for (auto _ : state) {
        out.clear();
        append_service_view(out, {.device_id = "device-000042", .device_etag = "NDgyMjAx"}, twin);
        benchmark::DoNotOptimize(out.data());
    }
    state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(service_view);

void device_view(benchmark::State& state) {
    const Twin twin = typical();
    std::string out;
    for (auto _ : state) {
        out.clear();
        append_device_view(out, twin);
        benchmark::DoNotOptimize(out.data());
    }
    state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(device_view);

}  // namespace

// What a change costs while a thousand live queries are open (docs/queries.md, live queries).
#include "fleet/testing/sample_fleet.h"
#include "hub/live_filter.h"
#include "query/compile.h"
#include "twin/apply.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

namespace {

using namespace twinhub;
using namespace twinhub::hub;

constexpr Instant now{std::chrono::seconds{1'700'000'100}};
constexpr int queries = 1000;

// A twin of the measured fleet, and what it is after a report of two fields.
struct Change {
    TwinView was;
    TwinView is;

    Change() {
        const fleet::testing::Sample sample = fleet::testing::SampleFleet().next();
        auto identity = std::make_shared<Identity>();
        identity->id.device = DeviceId::parse("device-1").value();
        was = {identity, sample.twin, {}};
        const auto report = twin::parse_report(R"({"battery":50,"signal":{"rssi":-71}})").value();
        is = {identity, twin::apply_report(sample.twin, report, {}, now).value().next, {}};
    }
};

// `text` with {} for a number of each query.
void tell(benchmark::State& state, std::string_view text) {
    std::vector<std::unique_ptr<LiveFilter>> filters;
    for (int i = 0; i < queries; ++i)
        filters.push_back(std::make_unique<LiveFilter>(
            std::make_shared<const query::Plan>(
                query::compile(fmt::format(fmt::runtime(text), i)).value()),
            now));
    const Change change;
    std::size_t told = 0;
    for (auto _ : state) {
        ChangedTwin changed(change.was, change.is);
        for (const auto& filter : filters) {
            if (filter->is_indifferent(changed)) continue;
            if (auto verdict = filter->decide(changed)) told += verdict->row.size() > 0;
        }
    }
    benchmark::DoNotOptimize(told);
    state.counters["told"] = static_cast<double>(told) / static_cast<double>(state.iterations());
}

BENCHMARK_CAPTURE(tell, other_part, "SELECT deviceId FROM devices WHERE tags.site = 'site-{}'")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(tell, other_path,
                  "SELECT deviceId FROM devices WHERE properties.reported.mode = 'mode-{}'")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(
    tell, same_path_but_no_row,
    "SELECT deviceId FROM devices WHERE properties.reported.battery < 20 AND tags.site = 'x{}'")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(tell, a_row_each,
                  "SELECT deviceId, properties.reported.battery FROM devices "
                  "WHERE properties.reported.battery != {}.5")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(tell, a_whole_twin_each, "SELECT * FROM devices WHERE tags.ring != 'ring-{}'")
    ->Unit(benchmark::kMicrosecond);

}  // namespace

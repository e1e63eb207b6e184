// The queries of docs/benchmarks.md over the columns of one shard, half a million twins, beside the
// plain loop over bare codes that bounds them (docs/adr/0007).
#include "fleet/scan/scan.h"

#include "fleet/testing/sample_fleet.h"
#include "query/compile.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

namespace {

using namespace twinhub;
using namespace twinhub::fleet;
using fleet::testing::SampleFleet;

constexpr std::uint32_t rows = 500'000;
constexpr Instant now{std::chrono::seconds{1'702'000'000}};

Table& table() {
    static Table& fleet = *[] {
        auto* made = new Table;
        made->reserve(rows);
        SampleFleet samples;
        for (std::uint32_t i = 0; i < rows; ++i) {
            const fleet::testing::Sample sample = samples.next();
            made->put(sample.facts(), sample.twin);
        }
        return made;
    }();
    return fleet;
}

// All slices of a query and its first page.
void run(benchmark::State& state, const char* text) {
    const auto compiled = query::compile(text);
    if (!compiled) std::fprintf(stderr, "%s\n", compiled.error().message.c_str()), std::exit(1);
    const auto plan = std::make_shared<const query::Plan>(*compiled);
    Table& fleet = table();
    std::size_t bytes = 0;
    std::int64_t slice = 0;
    for (auto _ : state) {
        Scan scan(plan, fleet, now);
        while (true) {
            const auto begun = std::chrono::steady_clock::now();
            const bool done = scan.run(16).value() == Scan::Progress::done;
            slice = std::max(slice, (std::chrono::steady_clock::now() - begun).count());
            if (done) break;
        }
        if (plan->grouped) {
            for (const std::string& row : scan.groups().answer()) bytes += row.size();
            continue;
        }
        const auto begun = std::chrono::steady_clock::now();
        for (const Entry& entry : scan.cursor().read("", 1000, rows).value().entries)
            bytes += entry.json.size();
        slice = std::max(slice, (std::chrono::steady_clock::now() - begun).count());
    }
    benchmark::DoNotOptimize(bytes);
    state.counters["longest_slice_us"] = static_cast<double>(slice) / 1000;
}

// What one loop over codes of 32 bits costs: no query that reads such a column can be faster.
void limit_of_one_loop(benchmark::State& state) {
    std::vector<std::int32_t> codes(rows);
    for (std::uint32_t i = 0; i < rows; ++i) codes[i] = static_cast<std::int32_t>(i % 8000);
    for (auto _ : state) {
        std::size_t count = 0;
        for (const std::int32_t code : codes) count += code == 42;
        benchmark::DoNotOptimize(count);
    }
}
BENCHMARK(limit_of_one_loop)->Unit(benchmark::kMicrosecond);

#define QUERY(name, text) BENCHMARK_CAPTURE(run, name, text)->Unit(benchmark::kMicrosecond)

QUERY(Q1_count_all, "SELECT COUNT() AS n FROM devices");
QUERY(Q2_one_site, "SELECT deviceId FROM devices WHERE tags.site = 'site-0042'");
QUERY(Q2_count, "SELECT COUNT() AS n FROM devices WHERE tags.site = 'site-0042'");
QUERY(Q3_other_version_in_a_region,
      "SELECT COUNT() AS n FROM devices WHERE properties.reported.firmware.version != '2.4.1' "
      "AND tags.region = 'emea'");
QUERY(Q4_group_by_version,
      "SELECT properties.reported.firmware.version AS v, COUNT() AS n FROM devices "
      "GROUP BY properties.reported.firmware.version");
QUERY(Q5_drift,
      "SELECT COUNT() AS n FROM devices "
      "WHERE properties.desired.firmware.version != properties.reported.firmware.version");
QUERY(Q6_first_100,
      "SELECT TOP 100 deviceId, tags.site, properties.reported.battery FROM devices "
      "WHERE tags.region = 'emea' AND properties.reported.battery < 20");
QUERY(Q6_count,
      "SELECT COUNT() AS n FROM devices "
      "WHERE tags.region = 'emea' AND properties.reported.battery < 20");
QUERY(Q7_by_id, "SELECT deviceId, tags.site FROM devices WHERE deviceId = 'sensor-0123456'");
QUERY(Q8_prefix_group_average,
      "SELECT tags.zone AS z, COUNT() AS n, AVG(properties.reported.battery) AS a FROM devices "
      "WHERE STARTSWITH(tags.site, 'site-01') GROUP BY tags.zone");

// Beyond those: ways that the others do not take.
QUERY(offline_for_a_while,
      "SELECT COUNT() AS n FROM devices WHERE lastActivityTime < '2023-11-20' "
      "AND connectionState = 'Disconnected'");
QUERY(age, "SELECT COUNT() AS n FROM devices WHERE AGE_SECONDS(lastActivityTime) > 864000");
QUERY(numbers, "SELECT COUNT() AS n FROM devices WHERE tags.position.lat > 10.5");
QUERY(distance,
      "SELECT COUNT() AS n FROM devices "
      "WHERE GEO_DISTANCE(tags.position, 52.5, 13.4) < 100000");
QUERY(ends_with_on_every_serial,
      "SELECT COUNT() AS n FROM devices WHERE ENDSWITH(tags.serial, '7F')");
QUERY(arithmetic,
      "SELECT COUNT() AS n FROM devices WHERE properties.reported.battery * 2 < "
      "properties.reported.restarts");
QUERY(mean_of_all, "SELECT AVG(properties.reported.calibration.gain) AS a FROM devices");
QUERY(two_keys,
      "SELECT tags.region AS r, tags.zone AS z, COUNT() AS n FROM devices "
      "GROUP BY tags.region, tags.zone");
QUERY(order_by_top,
      "SELECT deviceId FROM devices "
      "ORDER BY properties.reported.calibration.gain DESC LIMIT 10");
QUERY(order_by_all,
      "SELECT deviceId FROM devices WHERE tags.region = 'emea' "
      "ORDER BY properties.reported.battery");
QUERY(first_page_of_all, "SELECT deviceId, tags.site FROM devices");

}  // namespace

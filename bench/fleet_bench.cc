// The live columns of a fleet as docs/benchmarks.md describes it (docs/adr/0007).
#include "fleet/table.h"
#include "fleet/testing/sample_fleet.h"
#include "twin/apply.h"
#include "twin/codec.h"

#include <benchmark/benchmark.h>

namespace {

using namespace twinhub;
using namespace twinhub::fleet;
using fleet::testing::Sample;
using fleet::testing::SampleFleet;

constexpr Instant now{std::chrono::seconds{1'700'000'100}};

// Twins as trees take 10 KB each: the encoded ones are kept, and decoded some at a time.
struct Stored {
    std::vector<Sample> samples;  // without twins
    std::vector<std::string> twins;

    explicit Stored(std::size_t count) {
        SampleFleet fleet;
        for (std::size_t i = 0; i < count; ++i) {
            samples.push_back(fleet.next());
            twin::append_encoded(twins.emplace_back(), samples.back().twin);
            samples.back().twin = {};
        }
    }
    twin::Twin twin(std::size_t i) const { return twin::decode_twin(twins[i]).value(); }
};

const Stored& stored() {
    static const Stored fleet(500'000);
    return fleet;
}

void report_memory(benchmark::State& state, const Table& table) {
    const Memory memory = table.memory();
    const double rows = table.live_count();
    state.counters["bytes/twin"] = static_cast<double>(memory.total()) / rows;
    state.counters["columns"] = static_cast<double>(memory.columns) / rows;
    state.counters["dictionaries"] = static_cast<double>(memory.dictionaries) / rows;
    state.counters["ids"] = static_cast<double>(memory.ids) / rows;
}

// Only the work of the table, on twins that have just been decoded; decoding is measured below.
void build(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    const Stored& fleet = stored();
    for (auto _ : state) {
        Table table;
        std::chrono::nanoseconds spent{};
        std::vector<twin::Twin> twins;
        for (std::size_t i = 0; i < count;) {
            twins.clear();
            for (std::size_t k = i; k < count && twins.size() < 8; ++k)
                twins.push_back(fleet.twin(k));
            const auto begun = std::chrono::steady_clock::now();
            for (const twin::Twin& twin : twins) table.put(fleet.samples[i++].facts(), twin);
            spent += std::chrono::steady_clock::now() - begun;
        }
        state.SetIterationTime(std::chrono::duration<double>(spent).count());
        report_memory(state, table);
        state.counters["ns/twin"] = static_cast<double>(spent.count()) / static_cast<double>(count);
    }
}
BENCHMARK(build)->Arg(10'000)->Arg(100'000)->Arg(500'000)->UseManualTime()->Unit(
    benchmark::kMillisecond);

void decode(benchmark::State& state) {
    const Stored& fleet = stored();
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(fleet.twin(i++ % fleet.twins.size()));
}
BENCHMARK(decode);

struct Filled {
    Table table;
    explicit Filled(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            table.put(stored().samples[i].facts(), stored().twin(i));
    }
};

Table& filled() {
    static Filled fleet(stored().samples.size());
    return fleet.table;
}

struct Written {
    Row row;
    twin::Twin was;
    twin::Twin is;
};

// Some twins all over the fleet with what `body` makes of them.
template <class Make>
std::vector<Written> writes(Make make) {
    std::vector<Written> all;
    SampleFleet values(7);
    for (std::size_t i = 0; i < 16'000; ++i) {
        const std::size_t at = i * 7919 % stored().samples.size();
        Written written{
            *filled().find({stored().samples[at].device_id, ""}), stored().twin(at), {}};
        written.is = make(written.was, values);
        all.push_back(std::move(written));
    }
    return all;
}

// There and back, so that every round does the same. The hub has just made the two twins that it
// tells the table of: they are in the cache, their row is not.
void run_changes(benchmark::State& state, const std::vector<Written>& all) {
    constexpr std::size_t batch = 16;
    Table& table = filled();
    std::size_t at = 0;
    bool back = false;
    for (auto _ : state) {
        for (std::size_t i = at; i < at + batch; ++i)
            benchmark::DoNotOptimize(all[i].was == all[i].is);
        const auto begun = std::chrono::steady_clock::now();
        for (std::size_t i = at; i < at + batch; ++i)
            table.change(all[i].row, back ? all[i].is : all[i].was, back ? all[i].was : all[i].is);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun;
        state.SetIterationTime(spent.count() / batch);
        at += batch;
        if (at + batch > all.size()) {
            at = 0;
            back = !back;
        }
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        if (back ? i >= at : i < at) table.change(all[i].row, all[i].is, all[i].was);
}

void change_two_reported_fields(benchmark::State& state) {
    static const std::vector<Written> all = writes([](const twin::Twin& was, SampleFleet& values) {
        const auto patch = twin::parse_report(to_text(json::value(values.measurement())));
        return twin::apply_report(was, patch.value(), {}, now)->next;
    });
    run_changes(state, all);
}
BENCHMARK(change_two_reported_fields)->UseManualTime();

void change_a_unique_text(benchmark::State& state) {
    static const std::vector<Written> all = writes([](const twin::Twin& was, SampleFleet& values) {
        const auto patch = twin::parse_report(to_text(json::value(values.boot())));
        return twin::apply_report(was, patch.value(), {}, now)->next;
    });
    run_changes(state, all);
}
BENCHMARK(change_a_unique_text)->UseManualTime();

void set_presence(benchmark::State& state) {
    Table& table = filled();
    std::uint32_t i = 0;
    for (auto _ : state) {
        i += 7919;
        table.set_presence(i % table.row_count(), (i & 1024) != 0, now + Ticks{i});
    }
}
BENCHMARK(set_presence);

void find_by_id(benchmark::State& state) {
    const Table& table = filled();
    std::size_t i = 0;
    for (auto _ : state) {
        i = (i + 7919) % stored().samples.size();
        benchmark::DoNotOptimize(table.find({stored().samples[i].device_id, ""}));
    }
}
BENCHMARK(find_by_id);

}  // namespace

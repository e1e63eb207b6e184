// twinhub_fill: the measured fleet written into the store of a hub that does not run, so that
// benchmarks do not wait for a million devices to report.
#include "base/clock.h"
#include "fill/device_records.h"
#include "load/credentials.h"
#include "store/rocksdb/rocksdb_engine.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

namespace twinhub::fill {
namespace {

using store::Family;

// Slots whose records are in memory at a time: an eighth of the fleet, twice.
constexpr std::size_t batch_slots = slot_count / 8;
using BatchRecords = std::vector<SlotRecords>;

std::vector<std::vector<std::uint64_t>> numbers_by_slot(std::uint64_t devices) {
    std::vector<std::vector<std::uint64_t>> slots(slot_count);
    for (std::uint64_t number = 0; number < devices; ++number)
        slots[slot_of(*DeviceId::parse(load::device_name(number)))].push_back(number);
    for (auto& numbers : slots)
        std::ranges::sort(numbers, {}, [](std::uint64_t n) { return load::device_name(n); });
    return slots;
}

Result<BatchRecords> batch_records(const std::vector<std::vector<std::uint64_t>>& slots,
                                   std::size_t first, Instant created, Random& random) {
    BatchRecords batch(batch_slots);
    std::atomic<std::size_t> next = 0;
    std::vector<Result<>> outcomes(std::max(1U, std::thread::hardware_concurrency()));
    {
        std::vector<std::jthread> workers;
        for (Result<>& outcome : outcomes)
            workers.emplace_back([&] {
                for (std::size_t at = next++; at < batch_slots && outcome; at = next++) {
                    auto records = slot_records(static_cast<Slot>(first + at), slots[first + at],
                                                created, random);
                    if (records) batch[at] = std::move(*records);
                    else outcome = std::unexpected(records.error());
                }
            });
    }
    for (const Result<>& outcome : outcomes) TRY_VOID(outcome);
    return batch;
}

Result<> ingest(store::Engine& engine, Family family, const BatchRecords& batch,
                Records SlotRecords::* member) {
    std::size_t slot = 0;
    std::size_t at = 0;
    return engine.ingest(family, [&]() -> Result<std::optional<store::Entry>> {
        while (slot < batch.size() && at == (batch[slot].*member).size()) {
            ++slot;
            at = 0;
        }
        if (slot == batch.size()) return std::optional<store::Entry>{};
        return (batch[slot].*member).at(at++);
    });
}

Result<> write(store::Engine& engine, const BatchRecords& batch) {
    TRY_VOID(ingest(engine, Family::identities, batch, &SlotRecords::identities));
    TRY_VOID(ingest(engine, Family::twins, batch, &SlotRecords::twins));
    TRY_VOID(ingest(engine, Family::changes, batch, &SlotRecords::changes));
    TRY_VOID(ingest(engine, Family::metadata, batch, &SlotRecords::presences));
    store::Batch facts;
    for (const SlotRecords& slot : batch)
        for (std::size_t at = 0; at < slot.facts.size(); ++at)
            facts.put(Family::metadata, slot.facts.at(at).key, slot.facts.at(at).value);
    const std::array<const store::Batch*, 1> batches{&facts};
    return engine.commit(batches);
}

Result<> fill_store(const std::filesystem::path& folder, const std::string& hub,
                    std::uint64_t devices) {
    SystemRandom random;
    store::RocksDbOptions options;
    options.hub = hub;
    options.background_bytes_per_second = std::size_t{4} << 30;
    TRY(const std::unique_ptr<store::Engine> engine, store::open_rocksdb(folder, options));
    TRY(const auto present, engine->last_key(Family::identities, store::Range{}));
    if (present)
        return failure(Code::precondition_failed, "The store has devices already", folder.string());
    const auto slots = numbers_by_slot(devices);
    const Instant created = SystemClock().now();
    TRY(BatchRecords batch, batch_records(slots, 0, created, random));
    for (std::size_t first = 0; first < slot_count; first += batch_slots) {
        // The next ones are made while these are written.
        std::future<Result<BatchRecords>> following;
        if (first + batch_slots < slot_count)
            following = std::async(std::launch::async, [&, first] {
                return batch_records(slots, first + batch_slots, created, random);
            });
        TRY_VOID(write(*engine, batch));
        if (following.valid()) {
            TRY(batch, following.get());
        }
    }
    return engine->flush();
}

int run(int count, char** arguments) {
    std::string folder;
    std::string hub = "localhost";
    std::uint64_t devices = 1'000'000;
    CLI::App app("Writes the measured fleet into the store of a hub that does not run");
    app.add_option("--store", folder, "Folder of the store: DATA/store")->required();
    app.add_option("--hub-name", hub, "Name of the hub that it belongs to");
    app.add_option("--devices", devices, "How many: load-0 and up");
    CLI11_PARSE(app, count, arguments);
    const SystemClock clock;
    const Moment began = clock.monotonic();
    if (const Result<> filled = fill_store(folder, hub, devices); !filled) {
        fmt::print(stderr, "twinhub_fill: {} ({})\n", filled.error().message, filled.error().where);
        return 1;
    }
    fmt::print("{{\"mode\":\"fill\",\"created\":{},\"seconds\":{:.3f}}}\n", devices,
               std::chrono::duration<double>(clock.monotonic() - began).count());
    return 0;
}

}  // namespace
}  // namespace twinhub::fill

int main(int count, char** arguments) { return twinhub::fill::run(count, arguments); }

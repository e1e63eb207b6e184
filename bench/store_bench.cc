#include "base/clock.h"
#include "store/committer.h"
#include "store/keys.h"
#include "store/record.h"
#include "store/rocksdb/rocksdb_engine.h"

#include <benchmark/benchmark.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

// What a durable change costs: raw RocksDB, one synced put a thread, against our committer with as
// many changes in flight. And: the change alone (about 150 bytes, the document written later)
// against the change with its document of 1.2 KB each time. The store is made in
// TWINHUB_BENCH_FOLDER, or the folder of temporary files; it must be on the disk to be measured.
namespace {

using namespace twinhub;
using namespace twinhub::store;

constexpr std::size_t change_bytes = 150;
constexpr std::size_t document_bytes = 1200;
constexpr std::uint64_t twins = 100'000;

struct Folder {
    Folder() {
        const char* given = std::getenv("TWINHUB_BENCH_FOLDER");
        std::string name =
            (given ? std::filesystem::path(given) : std::filesystem::temp_directory_path()) /
            "store-bench-XXXXXX";
        CHECK(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

// Text that compresses about as well as twins do, different for each number.
std::string body(std::uint64_t number, std::size_t bytes) {
    std::string text = R"({"properties":{"reported":{"battery":)" + std::to_string(number % 101);
    while (text.size() < bytes)
        text += R"(,"sensor)" + std::to_string(number = number * 6364136223846793005u + 1) +
                R"(":true)";
    text.resize(bytes);
    return text;
}

std::string document_key(std::uint64_t number) {
    return twin_key({DeviceId::parse("device-" + std::to_string(number % twins)).value(), {}});
}

void count(benchmark::State& state, const std::atomic<std::uint64_t>& commits, bool document) {
    state.SetItemsProcessed(state.iterations());
    if (commits > 0)
        state.counters["changes_a_sync"] =
            static_cast<double>(state.iterations()) / static_cast<double>(commits.load());
    state.counters["bytes_a_change"] =
        static_cast<double>(change_bytes + (document ? document_bytes : 0));
}

// The peer: each thread puts and waits for its own sync; RocksDB groups those that meet.
void BM_RawRocksDb(benchmark::State& state) {
    static std::unique_ptr<Folder> folder;
    static rocksdb::DB* db = nullptr;
    const bool document = state.range(0) != 0;
    if (state.thread_index() == 0) {
        folder = std::make_unique<Folder>();
        rocksdb::Options options;
        options.create_if_missing = true;
        options.compression = rocksdb::kLZ4Compression;
        CHECK(rocksdb::DB::Open(options, folder->path / "raw", &db).ok());
    }
    rocksdb::WriteOptions synced;
    synced.sync = true;
    std::uint64_t number = static_cast<std::uint64_t>(state.thread_index()) << 32;
    for (auto step : state) {
        (void)step;
        ++number;
        rocksdb::WriteBatch batch;
        CHECK(batch.Put(change_key(0, number), body(number, change_bytes)).ok());
        if (document) CHECK(batch.Put(document_key(number), body(number, document_bytes)).ok());
        CHECK(db->Write(synced, &batch).ok());
    }
    state.SetItemsProcessed(state.iterations());
    if (state.thread_index() == 0) {
        delete db;
        folder.reset();
    }
}
BENCHMARK(BM_RawRocksDb)
    ->ArgName("document")
    ->Arg(0)
    ->Arg(1)
    ->Threads(1)
    ->Threads(64)
    ->UseRealTime()
    ->MinTime(1);

// One event loop's worth of devices in a closed loop: so many changes in flight, each answered
// change followed by the next. One hand-over a turn of the loop, one hand-back a write.
void BM_Committer(benchmark::State& state) {
    const bool document = state.range(0) != 0;
    const auto in_flight = static_cast<std::uint64_t>(state.range(1));
    const bool indexed = state.range(2) != 0;  // with a row of the commit index for each write
    const Folder folder;
    const SystemClock clock;
    auto engine = open_rocksdb(folder.path / "store", {.hub = "bench"});
    CHECK(engine.has_value());
    std::mutex mutex;
    std::condition_variable wake;
    std::uint64_t returned = 0;   // guarded by mutex
    std::uint64_t collected = 0;  // by the committer's thread alone
    const auto settled = [&] {
        {
            const std::lock_guard lock(mutex);
            returned += std::exchange(collected, 0);
        }
        wake.notify_one();
    };
    std::uint64_t commits = 0;
    {
        Committer committer(**engine, clock, {.settled = settled, .index_changes = indexed});
        std::uint64_t number = 0;
        std::uint64_t free = in_flight;
        std::vector<Submission> turn;
        std::string key;
        std::string value;
        for (auto step : state) {
            (void)step;
            if (free == 0) {
                committer.submit(turn);
                std::unique_lock lock(mutex);
                wake.wait(lock, [&] { return returned > 0; });
                free = std::exchange(returned, 0);
            }
            --free;
            ++number;
            const auto slot = static_cast<Slot>(number % slot_count);
            Batch batch;
            key = change_key(slot, number / slot_count + 1);
            value.clear();
            seal(Kind::change, 1, key, body(number, change_bytes), value);
            batch.put(Family::changes, key, value);
            if (document) {
                key = document_key(number);
                value.clear();
                seal(Kind::twin, 1, key, body(number, document_bytes), value);
                batch.put(Family::twins, key, value);
            }
            turn.push_back({slot, 1, std::move(batch), [&](const Result<>& result) {
                                CHECK(result.has_value());
                                ++collected;
                            }});
        }
        committer.submit(turn);
        committer.stop();
        commits = committer.metrics().commits;
    }
    count(state, std::atomic<std::uint64_t>(commits), document);
}
BENCHMARK(BM_Committer)
    ->ArgNames({"document", "in_flight", "indexed"})
    ->ArgsProduct({{0, 1}, {1, 64, 512}, {0, 1}})
    ->UseRealTime()
    ->MinTime(1);

void BM_SealAndOpen(benchmark::State& state) {
    const std::string key = document_key(7);
    const std::string text = body(7, static_cast<std::size_t>(state.range(0)));
    std::string value;
    for (auto step : state) {
        (void)step;
        value.clear();
        seal(Kind::twin, 1, key, text, value);
        const auto opened = store::open(Kind::twin, 1, "twins", key, value);
        benchmark::DoNotOptimize(opened);
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_SealAndOpen)->Arg(change_bytes)->Arg(document_bytes);

}  // namespace

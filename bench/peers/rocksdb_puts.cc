// The raw engine: each thread puts 1.2 KB values, each put synced to the log before it returns
// (RocksDB groups what waits). rocksdb_puts FOLDER THREADS SECONDS; prints one line of JSON.
#include <rocksdb/db.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t value_bytes = 1167;
constexpr unsigned keys = 1'000'000;

double cpu_seconds() {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(use.ru_utime) + seconds(use.ru_stime);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) return 2;
    const unsigned threads = static_cast<unsigned>(std::atoi(arguments[2]));
    const double seconds = std::atof(arguments[3]);

    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kLZ4Compression;
    rocksdb::DB* opened = nullptr;
    if (const auto status = rocksdb::DB::Open(options, arguments[1], &opened); !status.ok()) {
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        return 1;
    }
    const std::unique_ptr<rocksdb::DB> db(opened);

    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto end =
        began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    const double cpu_before = cpu_seconds();
    std::atomic<std::uint64_t> operations{0};
    {
        std::vector<std::jthread> workers;
        for (unsigned worker = 0; worker < threads; ++worker) {
            workers.emplace_back([&, worker] {
                rocksdb::WriteOptions synced;
                synced.sync = true;
                std::string value(value_bytes, 'x');
                std::uint64_t chance = worker + 1;
                std::uint64_t done = 0;
                for (; Clock::now() < end; ++done) {
                    chance = chance * 6364136223846793005U + 1442695040888963407U;
                    value.replace(done % 1000, 8, std::to_string(chance).substr(0, 8));
                    const auto status =
                        db->Put(synced, "load-" + std::to_string((chance >> 33) % keys), value);
                    if (!status.ok()) std::abort();
                }
                operations += done;
            });
        }
    }
    const double took = std::chrono::duration<double>(Clock::now() - began).count();
    const auto done = static_cast<double>(operations.load());
    std::printf("{\"operations\":%.0f,\"per_second\":%.1f,\"server_cpu_us\":%.2f}\n", done,
                done / took, (cpu_seconds() - cpu_before) * 1e6 / done);
}

#include "store/rocksdb/tuning.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <vector>

namespace twinhub::store {
namespace {

rocksdb::CompressionType best_of(std::initializer_list<rocksdb::CompressionType> wanted) {
    const std::vector<rocksdb::CompressionType> built_in = rocksdb::GetSupportedCompressions();
    for (const rocksdb::CompressionType type : wanted)
        if (std::ranges::find(built_in, type) != built_in.end()) return type;
    return rocksdb::kNoCompression;
}

}  // namespace

void tune(rocksdb::DBOptions& target, const RocksDbOptions& options,
          std::shared_ptr<rocksdb::EventListener> listener) {
    target.create_if_missing = true;
    target.create_missing_column_families = true;
    target.listeners.push_back(std::move(listener));

    // Stops at the first record of the log that is not whole: a commit torn by a crash, which
    // nobody was told about. The stricter modes refuse to open then. This mode excludes recycled
    // log files.
    target.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    // A log that was synced and closed must be there in full, or the open fails.
    target.track_and_verify_wals_in_manifest = true;
    target.paranoid_checks = true;
    target.max_total_wal_size = options.log_bytes_max;

    // One committer writes: no queue of writers to coordinate.
    target.enable_pipelined_write = false;
    target.allow_concurrent_memtable_write = false;
    target.enable_write_thread_adaptive_yield = false;

    // Two cores serve devices; what is not urgent stays out of their way. Files reach the disk in
    // small steps, so that a sync of the log never queues behind a burst.
    target.max_background_jobs = 2;
    target.max_subcompactions = 1;
    target.bytes_per_sync = std::size_t{1} << 20;
    target.strict_bytes_per_sync = true;
    target.rate_limiter.reset(rocksdb::NewGenericRateLimiter(
        static_cast<std::int64_t>(options.background_bytes_per_second), 10'000));
    target.avoid_unnecessary_blocking_io = true;  // files are deleted in the background
    rocksdb::Env& env = *target.env;
    for (const auto pool : {rocksdb::Env::LOW, rocksdb::Env::HIGH}) {
        env.SetBackgroundThreads(1, pool);
        env.LowerThreadPoolCPUPriority(pool, rocksdb::CpuPriority::kLow);
    }
    env.LowerThreadPoolIOPriority(rocksdb::Env::LOW);

    // In one piece: by default its readers are spread over 64 parts with room for one file each,
    // and two files that meet in a part close each other with every read.
    target.max_open_files = options.open_files_max;
    target.table_cache_numshardbits = 0;
    target.statistics = nullptr;
    target.stats_dump_period_sec = 0;
    target.stats_persist_period_sec = 0;
    target.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
    target.max_log_file_size = std::size_t{1} << 20;
    target.keep_log_file_num = 3;
}

void tune(rocksdb::ColumnFamilyOptions& target, Family family, const RocksDbOptions& options,
          std::shared_ptr<rocksdb::Cache> cache) {
    const bool looked_up = family == Family::identities || family == Family::twins;
    const bool large = family == Family::twins || family == Family::changes;

    // Several buffers, because a flush at low priority may take a while and must not stop commits.
    target.write_buffer_size = large ? options.write_buffer_bytes : options.write_buffer_bytes / 4;
    target.max_write_buffer_number = 4;
    target.level0_file_num_compaction_trigger = 4;
    target.level0_slowdown_writes_trigger = 24;
    target.level0_stop_writes_trigger = 40;
    target.level_compaction_dynamic_level_bytes = true;
    target.target_file_size_base = std::size_t{64} << 20;  // few files: few descriptors

    // Young data is written again soon and should cost little; the last level is most of the disk.
    target.compression = best_of({rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
    target.bottommost_compression = best_of({rocksdb::kZSTD, rocksdb::kLZ4Compression});

    rocksdb::BlockBasedTableOptions table;
    table.block_cache = std::move(cache);
    table.block_size = std::size_t{8} << 10;
    table.format_version = 5;
    if (looked_up) {
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
        table.whole_key_filtering = true;
        target.memtable_whole_key_filtering = true;
        target.memtable_prefix_bloom_size_ratio = 0.02;
    }
    // No memtable_insert_with_hint_prefix_extractor for the changes, although each goes right
    // behind the one before it: RocksDB 7.8 hands the hints of keys to removed ranges, which stand
    // in a list of their own, and breaks both lists.
    target.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
}

}  // namespace twinhub::store

#pragma once

#include "store/engine.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace twinhub::store {

// The layout of the whole store. A release opens every older layout and refuses newer ones.
inline constexpr std::uint32_t store_format = 1;

struct RocksDbOptions {
    // Whose data this is. Written at creation and compared at every open; must not be empty.
    std::string hub;
    std::size_t cache_bytes = std::size_t{128} << 20;  // blocks of sorted files held in memory
    // The log is kept below about this, so that an open has at most so much to replay.
    std::size_t log_bytes_max = std::size_t{128} << 20;
    // What collects in memory, for each family, before it goes to a sorted file.
    std::size_t write_buffer_bytes = std::size_t{32} << 20;
    // Flushes and compactions together write no faster, so that the log's syncs are not held up.
    std::size_t background_bytes_per_second = std::size_t{64} << 20;
    // With less space than this on its disk the store takes no commits (unavailable): a full disk
    // must not cut the log short.
    std::uint64_t disk_bytes_kept_free = std::uint64_t{64} << 20;
    int open_files_max = 64;  // descriptors for sorted files: connections need the others
};

// Opens the store in `folder`, which is made when it is missing (its parent must be writable).
// Errors: unavailable when another process has it open; precondition_failed when it belongs to
// another hub; not_implemented when a newer release made it; corrupted when files are damaged or
// missing, the log in front of acknowledged commits included; internal for anything else the disk
// says.
Result<std::unique_ptr<Engine>> open_rocksdb(const std::filesystem::path& folder,
                                             const RocksDbOptions& options);

}  // namespace twinhub::store

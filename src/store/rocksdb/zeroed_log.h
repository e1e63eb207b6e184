#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <memory>

namespace twinhub::store {

// How far ahead of its end a log is filled with zeros. Small enough that their way to the disk
// holds up a commit for less than a millisecond.
inline constexpr std::uint64_t zeros_ahead_bytes = 256 * 1024;

// The files of `base`, whose logs (*.log) are filled with zeros ahead of what is written. Syncing a
// file that grows writes its size too, a second trip to the disk; overwriting zeros is one. A crash
// leaves zeros behind the last write, which the readers of the log take for its end; closing the
// file cuts them off.
std::shared_ptr<rocksdb::FileSystem> with_zeroed_logs(std::shared_ptr<rocksdb::FileSystem> base);

}  // namespace twinhub::store

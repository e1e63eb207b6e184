#pragma once

#include "base/result.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace twinhub::store {

// The log as RocksDB writes it: blocks of 32 KB with records that never cross one,
//
//   +---------------------+-------------+------+----------
//   | CRC-32C, masked (4) | length (2)  | type | data ...      little endian
//   +---------------------+-------------+------+----------
//
// A write is one record (full) or several (first, middle, last), and begins with the number of its
// first operation (8 bytes) and how many it has (4).
class LogReader {
public:
    static constexpr std::size_t block_bytes = 32'768;

    // Reads the next block; only the last of a file may be shorter.
    void read(std::string_view block);
    // No block follows: a write whose last record is missing was torn.
    void end();

    // Where reading stopped making sense: there a write was torn, or a byte has rotted.
    std::optional<std::uint64_t> damaged_at() const { return damaged_at_; }
    // A write begins behind the damage. Each is synced before the next begins, so a torn one has
    // nothing like it behind it: bytes have rotted, and RocksDB would drop what follows.
    bool resumed() const { return resumed_; }

    // Of the file's writes before any damage: the first operation, and the one behind the last.
    std::optional<std::uint64_t> first_operation() const { return first_operation_; }
    std::optional<std::uint64_t> next_operation() const { return next_operation_; }

private:
    enum class Type : std::uint8_t { none, full, first, middle, last };

    void take(Type type, std::string_view data, std::uint64_t at);
    void begin_write(std::uint64_t at);
    void end_write();
    void damaged(std::uint64_t at);

    std::uint64_t offset_ = 0;    // of the block in the file
    bool in_write_ = false;       // its last record has not come yet
    std::uint64_t write_at_ = 0;  // where the write begins
    std::string write_head_;      // its first bytes, up to head_bytes
    // Nothing but zeros from there on, so far: the end (zeroed_log.h), unless a record follows.
    std::optional<std::uint64_t> zeros_at_;
    std::optional<std::uint64_t> damaged_at_;
    bool resumed_ = false;
    std::optional<std::uint64_t> first_operation_;
    std::optional<std::uint64_t> next_operation_;
};

// Refuses a store whose log has rotted: RocksDB would open it and silently drop the acknowledged
// commits behind the damage. A torn end, as a power loss leaves it, is no damage. Reads the log
// once (it is read again to be replayed). Errors: corrupted, with file and byte; internal when a
// file cannot be read.
Result<> check_log(rocksdb::Env& env, const std::filesystem::path& folder);

}  // namespace twinhub::store

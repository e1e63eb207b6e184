#pragma once

#include "base/result.h"
#include "store/batch.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::store {

// Keys from `from` up to and without `to`, ordered as unsigned bytes. An empty `to`: no upper end.
struct Range {
    std::string from;
    std::string to;

    bool holds(std::string_view key) const { return key >= from && (to.empty() || key < to); }
    friend bool operator==(const Range&, const Range&) = default;
};

// Walks a range of one family in either direction. A new cursor stands nowhere: seek first. Key and
// value may be read only while valid(), and their bytes live until the cursor moves.
class Cursor {
public:
    virtual ~Cursor() = default;
    virtual void seek_first() = 0;
    virtual void seek_last() = 0;
    virtual void seek(std::string_view key) = 0;           // the first key >= `key`
    virtual void seek_backward(std::string_view key) = 0;  // the last key <= `key`
    virtual void next() = 0;
    virtual void previous() = 0;
    virtual bool valid() const = 0;  // false: past an end of the range, or the read failed
    virtual std::string_view key() const = 0;
    virtual std::string_view value() const = 0;
    // Asked when valid() is false: the end of the range, or why reading stopped (corrupted,
    // internal).
    virtual Result<> status() const = 0;
};

// All families at one moment: commits that come later are not seen. Old snapshots keep overwritten
// data on disk, so nothing long-lived holds one. May be used on any thread, and must be destroyed
// (with its cursors, which keep it alive) before the engine.
class Snapshot {
public:
    virtual ~Snapshot() = default;
    virtual Result<std::optional<std::string>> get(Family family, std::string_view key) const = 0;
    virtual std::unique_ptr<Cursor> scan(Family family, const Range& range) const = 0;
};

// What a read that may not wait for the disk knows.
struct Cached {
    enum class Outcome : std::uint8_t { found, absent, ask_disk };
    Outcome outcome = Outcome::ask_disk;
    std::string value;  // when found
};

// One sorted record of a bulk load. The views live until the source is called again.
struct Entry {
    std::string_view key;
    std::string_view value;
};
// Gives the next record, or nothing at the end; an error abandons the load.
using Source = std::function<Result<std::optional<Entry>>()>;
// The same records, with an error (argument_invalid) where a key does not rise.
Source rising(const Source& source);  // borrowed

struct FamilyStatistics {
    std::uint64_t keys_estimated = 0;
    std::uint64_t disk_bytes = 0;
    std::uint64_t memory_bytes = 0;  // changes that are in the log and not yet in sorted files
};

// For metrics; none of it is exact.
struct Statistics {
    std::array<FamilyStatistics, family_count> families{};
    std::uint64_t log_bytes = 0;
    std::uint64_t cache_bytes = 0;
    std::uint64_t cache_bytes_max = 0;
    std::uint64_t compaction_bytes_pending = 0;
    std::uint64_t compactions_running = 0;
    bool writes_slowed = false;  // compaction cannot follow: commits are being held back
    bool writes_failed = false;  // the engine takes no more commits until it is opened again
};

// Where the hub keeps what must survive: sorted bytes in four families with atomic, durable
// commits. RocksDB and memory implement it, and nothing in it is special to them (a
// PostgreSQL-protocol engine follows). Reads are safe on any thread; commit is called by one thread
// at a time.
class Engine {
public:
    virtual ~Engine() = default;

    // Writes all batches, in order, as one: when it returns without error everything survives power
    // loss and every later read sees it; readers never see a part. Blocks for a disk sync or more.
    // When the error is `internal` it is unknown whether the batches will be there once the store
    // is opened again, and the engine takes no more commits; after `unavailable` (a full disk, say)
    // they will not be, and the engine may be tried again, in vain once Statistics::writes_failed.
    virtual Result<> commit(std::span<const Batch* const> batches) = 0;

    // The newest committed value, or nothing. May wait for the disk. Errors: corrupted, internal.
    virtual Result<std::optional<std::string>> get(Family family, std::string_view key) const = 0;
    // The same from memory alone: never blocks on the disk, so an event loop may call it.
    virtual Cached get_cached(Family family, std::string_view key) const = 0;

    virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
    // A cursor over a snapshot of its own.
    std::unique_ptr<Cursor> scan(Family family, const Range& range) const;
    // The last key of the range, or nothing when it is empty.
    Result<std::optional<std::string>> last_key(Family family, const Range& range) const;

    // Loads records whose keys rise strictly, all or none, replacing those of the same key; durable
    // when it returns. Much cheaper than commits for many records. The family may be read
    // meanwhile, not written. Errors: argument_invalid when the keys do not rise; those of commit;
    // the source's.
    virtual Result<> ingest(Family family, const Source& source) = 0;

    // Writes what only the log holds into sorted files, so that the next open is short.
    virtual Result<> flush() = 0;
    virtual Statistics statistics() const = 0;
};

}  // namespace twinhub::store

#pragma once

#include "store/scratch_folder_for_tests.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace twinhub::store {

// What RocksDB asks of a disk and a disk may refuse.
enum class Call : std::uint8_t { open, append, flush, sync, close, sync_folder, rename, remove };
inline constexpr std::size_t call_count = 8;

// What a power loss leaves of that which was not synced: nothing; half the bytes of every file and
// the earlier half of the changes to folders; or everything.
enum class Unsynced : std::uint8_t { lost, half, kept };

// The files of this machine with the faults of a bad disk. Syncs only mark what would survive, so
// nothing here waits for the real disk. A failing append still writes the first half of its bytes.
// May be used on any thread.
class FaultyFiles final : public rocksdb::FileSystemWrapper {
public:
    static constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();

    FaultyFiles();
    const char* Name() const override { return "FaultyFiles"; }

    // Calls of the kind (or of all kinds) fail with an I/O error, `count` of them from the
    // `first` one on; the next is number 0.
    void fail(std::optional<Call> kind, std::uint64_t first, std::uint64_t count = for_ever);
    // Nothing fails any more.
    void heal();
    std::uint64_t calls() const;  // of all kinds, since the last fail() or heal()
    std::uint64_t calls(Call kind) const;

    // What the disk says is free. On a full disk appends fail; an empty file takes no space.
    void set_free_bytes(std::uint64_t bytes);
    void set_full(bool full);

    // Fails every call from the `first` one on, as nothing reaches a disk without power.
    void cut_power(std::uint64_t first) { fail(std::nullopt, first); }
    // When nobody has a file open any more: makes the files what the disk kept, and heals it.
    void restore_power(Unsynced unsynced);

    rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                   std::unique_ptr<rocksdb::FSDirectory>* result,
                                   rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                                 const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override;
    rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                   std::uint64_t* bytes, rocksdb::IODebugContext* debug) override;

private:
    friend class FaultyFile;
    friend class FaultyFolder;

    // A change of a folder that its next sync makes durable.
    struct NameChange {
        std::filesystem::path path;
        std::filesystem::path from;      // where a renamed file stood; empty: created or removed
        std::filesystem::path replaced;  // where the file that stood at `path` is kept; or empty
        bool removed = false;
    };

    // What becomes of the next call of this kind.
    rocksdb::IOStatus next(Call kind);
    void mark_written(const std::string& path, std::uint64_t bytes);
    void mark_synced(const std::string& path, std::uint64_t bytes, std::uint64_t size);
    void mark_folder_synced(const std::string& path);
    std::filesystem::path keep(const std::filesystem::path& path);
    static void undo(const NameChange& change);

    mutable std::mutex mutex_;
    std::optional<Call> kind_;
    std::uint64_t first_ = for_ever;
    std::uint64_t count_ = 0;
    std::uint64_t seen_ = 0;  // of the failing kind
    std::array<std::uint64_t, call_count> calls_{};
    bool full_ = false;
    std::optional<std::uint64_t> free_bytes_;
    struct Content {
        std::uint64_t written = 0;      // bytes appended
        std::uint64_t synced = 0;       // of them
        std::uint64_t synced_size = 0;  // of the file, with the zeros behind them
    };
    std::map<std::filesystem::path, Content> contents_;
    std::deque<NameChange> names_;
    ScratchFolder removed_;  // keeps what a power loss would bring back
    std::uint64_t removed_count_ = 0;
};

// An environment for RocksDB with these files, in which nobody waits: RocksDB likes to sleep for a
// second after each failure.
std::unique_ptr<rocksdb::Env> make_env(std::shared_ptr<FaultyFiles> files);

}  // namespace twinhub::store

#include "store/rocksdb/rocksdb_engine.h"

#include "store/rocksdb/background_errors.h"
#include "store/rocksdb/bulk_load.h"
#include "store/rocksdb/cursor.h"
#include "store/rocksdb/log_check.h"
#include "store/rocksdb/open_on.h"
#include "store/rocksdb/ownership.h"
#include "store/rocksdb/status.h"
#include "store/rocksdb/tuning.h"
#include "store/rocksdb/zeroed_log.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <mutex>
#include <system_error>

namespace twinhub::store {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::string reading(Family family) { return "Reading " + std::string(name_of(family)); }

// The open database. Snapshots share it, so that it closes after the last of them.
struct Database {
    std::unique_ptr<rocksdb::Env> env;
    std::unique_ptr<rocksdb::DB> db;
    std::array<rocksdb::ColumnFamilyHandle*, family_count> handles{};
    rocksdb::ColumnFamilyHandle* unused = nullptr;  // "default", which RocksDB insists on

    ~Database() {
        if (!db) return;
        for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
        db->DestroyColumnFamilyHandle(unused);
        db->Close().PermitUncheckedError();  // every acknowledged commit is on disk already
    }
    rocksdb::ColumnFamilyHandle* of(Family family) const {
        return handles[static_cast<std::size_t>(family)];
    }
    Result<std::optional<std::string>> get(const rocksdb::ReadOptions& options, Family family,
                                           std::string_view key) const {
        std::string value;
        const rocksdb::Status status = db->Get(options, of(family), slice(key), &value);
        if (status.ok()) return value;
        if (status.IsNotFound()) return std::nullopt;
        return std::unexpected(error_of(status, reading(family)));
    }
    std::uint64_t number(rocksdb::ColumnFamilyHandle* handle, const std::string& property) const {
        std::uint64_t value = 0;
        return db->GetIntProperty(handle, property, &value) ? value : 0;
    }
};

class RocksSnapshot final : public Snapshot, public std::enable_shared_from_this<RocksSnapshot> {
public:
    explicit RocksSnapshot(std::shared_ptr<const Database> database)
        : database_(std::move(database)), snapshot_(database_->db->GetSnapshot()) {}
    ~RocksSnapshot() override { database_->db->ReleaseSnapshot(snapshot_); }

    Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
        rocksdb::ReadOptions options;
        options.snapshot = snapshot_;
        return database_->get(options, family, key);
    }
    std::unique_ptr<Cursor> scan(Family family, const Range& range) const override {
        return make_cursor(shared_from_this(), *database_->db, *database_->of(family), *snapshot_,
                           family, range);
    }

private:
    std::shared_ptr<const Database> database_;
    const rocksdb::Snapshot* snapshot_;
};

class RocksDbEngine final : public Engine {
public:
    RocksDbEngine(std::filesystem::path folder, std::shared_ptr<Database> database,
                  std::shared_ptr<rocksdb::Cache> cache, std::shared_ptr<BackgroundErrors> errors,
                  std::uint64_t disk_bytes_kept_free)
        : folder_(std::move(folder)),
          folder_name_(folder_.string()),
          database_(std::move(database)),
          cache_(std::move(cache)),
          errors_(std::move(errors)),
          disk_bytes_kept_free_(disk_bytes_kept_free) {}

    Result<> commit(std::span<const Batch* const> batches) override {
        if (failed_) return failure(Code::internal, "The store failed and must be opened again");
        TRY_VOID(check_space());
        write_.Clear();
        for (const Batch* batch : batches) TRY_VOID(add(*batch));
        errors_->committing = std::this_thread::get_id();
        Result<> written = write();
        // Turned away because a flush had failed: there is space again, so the flush may succeed
        // now.
        if (!written && !failed_ && !errors_->for_good && database_->db->Resume().ok())
            written = write();
        errors_->committing = std::thread::id();
        return written;
    }

    Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
        return database_->get({}, family, key);
    }

    Cached get_cached(Family family, std::string_view key) const override {
        rocksdb::ReadOptions options;
        options.read_tier = rocksdb::kBlockCacheTier;
        Cached cached;
        const rocksdb::Status status =
            database_->db->Get(options, database_->of(family), slice(key), &cached.value);
        // Anything else, damage included: the read that may wait will say. So will it for an empty
        // value: that is also what RocksDB says, with success, of a key whose file is not open.
        if (status.ok() && !cached.value.empty()) cached.outcome = Cached::Outcome::found;
        else if (status.IsNotFound()) cached.outcome = Cached::Outcome::absent;
        return cached;
    }

    std::shared_ptr<const Snapshot> snapshot() const override {
        return std::make_shared<const RocksSnapshot>(database_);
    }

    Result<> ingest(Family family, const Source& source) override {
        const std::lock_guard lock(ingesting_);
        BulkLoad load(folder_ / "incoming");
        rocksdb::ColumnFamilyHandle* const handle = database_->of(family);
        TRY_VOID(load.write(database_->db->GetOptions(handle), source));
        if (load.files().empty()) return {};
        rocksdb::IngestExternalFileOptions options;
        options.move_files = true;
        options.write_global_seqno = false;
        const rocksdb::Status status =
            database_->db->IngestExternalFile(handle, load.files(), options);
        if (!status.ok()) return std::unexpected(error_of(status, "Taking in a bulk load"));
        return {};
    }

    Result<> flush() override {
        const std::vector<rocksdb::ColumnFamilyHandle*> all(database_->handles.begin(),
                                                            database_->handles.end());
        const rocksdb::Status status = database_->db->Flush(rocksdb::FlushOptions(), all);
        if (!status.ok()) return std::unexpected(error_of(status, "Flushing"));
        return {};
    }

    Statistics statistics() const override {
        Statistics all;
        for (std::size_t i = 0; i < family_count; ++i) {
            rocksdb::ColumnFamilyHandle* const handle = database_->handles[i];
            using Names = rocksdb::DB::Properties;
            all.families[i] = {database_->number(handle, Names::kEstimateNumKeys),
                               database_->number(handle, Names::kTotalSstFilesSize),
                               database_->number(handle, Names::kCurSizeAllMemTables)};
            all.compaction_bytes_pending +=
                database_->number(handle, Names::kEstimatePendingCompactionBytes);
        }
        rocksdb::ColumnFamilyHandle* const any = database_->handles[0];
        all.compactions_running =
            database_->number(any, rocksdb::DB::Properties::kNumRunningCompactions);
        all.writes_slowed =
            database_->number(any, rocksdb::DB::Properties::kActualDelayedWriteRate) != 0 ||
            database_->number(any, rocksdb::DB::Properties::kIsWriteStopped) != 0;
        all.writes_failed = failed_ || errors_->for_good;
        all.cache_bytes = cache_->GetUsage();
        all.cache_bytes_max = cache_->GetCapacity();
        all.log_bytes = log_bytes();
        return all;
    }

private:
    // A log that a full disk cuts short leaves a commit whose fate is unknown. So commits end
    // before the disk does; what is kept free lets flushes and compactions make space.
    Result<> check_space() const {
        std::uint64_t free_bytes = 0;
        rocksdb::FileSystem& files = *database_->db->GetFileSystem();
        const rocksdb::IOStatus asked =
            files.GetFreeSpace(folder_name_, rocksdb::IOOptions(), &free_bytes, nullptr);
        if (!asked.ok() || free_bytes >= disk_bytes_kept_free_) return {};
        return failure(Code::unavailable,
                       "The disk of the store is full: " + std::to_string(free_bytes >> 20) +
                           " MB are free, " + std::to_string(disk_bytes_kept_free_ >> 20) +
                           " MB are kept for the store's own work");
    }

    Result<> write() {
        errors_->met_by_commit = false;
        const rocksdb::SequenceNumber before = database_->db->GetLatestSequenceNumber();
        rocksdb::WriteOptions options;
        options.sync = true;
        const rocksdb::Status status = database_->db->Write(options, &write_);
        if (status.ok()) return {};
        Error error = error_of(status, "Writing the log");
        failed_ = errors_->met_by_commit || database_->db->GetLatestSequenceNumber() != before;
        // Turned away because of an earlier failure in the background: it never reached the log.
        error.code = failed_ ? Code::internal : Code::unavailable;
        return std::unexpected(std::move(error));
    }

    Result<> add(const Batch& batch) {
        for (const Operation& operation : batch) {
            rocksdb::ColumnFamilyHandle* const handle = database_->of(operation.family);
            const rocksdb::Slice key = slice(operation.key);
            rocksdb::Status status;
            switch (operation.kind) {
                case Operation::Kind::put:
                    status = write_.Put(handle, key, slice(operation.value));
                    break;
                case Operation::Kind::remove: status = write_.Delete(handle, key); break;
                case Operation::Kind::remove_range:
                    status = write_.DeleteRange(handle, key, slice(operation.value));
                    break;
            }
            if (!status.ok()) {
                Error error = error_of(status, "Collecting a write");
                error.code = Code::unavailable;  // nothing was written
                return std::unexpected(std::move(error));
            }
        }
        return {};
    }

    std::uint64_t log_bytes() const {
        std::uint64_t bytes = 0;
        std::error_code error;
        for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
             at.increment(error)) {
            if (at->path().extension() != ".log") continue;
            std::error_code gone;  // RocksDB may delete it meanwhile
            if (const auto size = at->file_size(gone); !gone) bytes += size;
        }
        return bytes;
    }

    std::filesystem::path folder_;
    std::string folder_name_;
    std::shared_ptr<Database> database_;
    std::shared_ptr<rocksdb::Cache> cache_;
    std::shared_ptr<BackgroundErrors> errors_;
    std::uint64_t disk_bytes_kept_free_;
    rocksdb::WriteBatch write_;  // kept, so that its memory is
    std::atomic<bool> failed_ = false;
    std::mutex ingesting_;
};

Error open_error(const rocksdb::Status& status, const std::filesystem::path& folder) {
    const std::string text = status.ToString();
    if (text.find("lock hold by current process") != std::string::npos)
        return {Code::unavailable,
                "The store in " + folder.string() + " is already open in this process",
                {}};
    if (status.IsIOError() && text.find("lock file") != std::string::npos) return in_use(folder);
    // A file named by another one is missing: damage, however the system words it.
    const bool damaged =
        status.IsCorruption() || status.IsPathNotFound() || status.IsInvalidArgument();
    Error error = error_of(status, "Opening the store in " + folder.string());
    if (damaged) error.code = Code::corrupted;
    return error;
}

// `env` with our own way of writing logs.
std::unique_ptr<rocksdb::Env> make_env(rocksdb::Env& env) {
    class Ours final : public rocksdb::EnvWrapper {
    public:
        explicit Ours(rocksdb::Env& base) : EnvWrapper(&base) {
            file_system_ = with_zeroed_logs(base.GetFileSystem());
            system_clock_ = base.GetSystemClock();
        }
    };
    return std::make_unique<Ours>(env);
}

Result<std::shared_ptr<Database>> open_database(const std::filesystem::path& folder,
                                                const rocksdb::DBOptions& db_options,
                                                const RocksDbOptions& options,
                                                const std::shared_ptr<rocksdb::Cache>& cache) {
    TRY(const bool exists, holds_store(folder));
    if (exists) {
        std::vector<std::string> found;
        const auto status = rocksdb::DB::ListColumnFamilies(db_options, folder, &found);
        if (!status.ok()) return std::unexpected(open_error(status, folder));
        TRY_VOID(check_families(found));
        TRY_VOID(check_log(*db_options.env, folder));
    }
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    families.emplace_back("default", rocksdb::ColumnFamilyOptions());
    families.back().options.write_buffer_size = std::size_t{1} << 20;
    for (std::size_t i = 0; i < family_count; ++i) {
        const auto family = static_cast<Family>(i);
        families.emplace_back(std::string(name_of(family)), rocksdb::ColumnFamilyOptions());
        tune(families.back().options, family, options, cache);
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    const auto status = rocksdb::DB::Open(db_options, folder, families, &handles, &db);
    if (!status.ok()) return std::unexpected(open_error(status, folder));
    auto database = std::make_shared<Database>();
    database->db.reset(db);
    database->unused = handles[0];
    std::copy(handles.begin() + 1, handles.end(), database->handles.begin());
    return database;
}

}  // namespace

Result<std::unique_ptr<Engine>> open_rocksdb_on(rocksdb::Env& env,
                                                const std::filesystem::path& folder,
                                                const RocksDbOptions& options) {
    if (options.hub.empty())
        return failure(Code::argument_invalid, "A store must be told whose data it holds");
    TRY_VOID(make_folder(folder));
    const auto cache = rocksdb::NewLRUCache(options.cache_bytes);
    const auto errors = std::make_shared<BackgroundErrors>();
    std::unique_ptr<rocksdb::Env> files = make_env(env);
    rocksdb::DBOptions db_options;
    db_options.env = files.get();
    tune(db_options, options, make_listener(errors));
    TRY(std::shared_ptr<Database> database, open_database(folder, db_options, options, cache));
    database->env = std::move(files);
    std::unique_ptr<Engine> engine = std::make_unique<RocksDbEngine>(
        folder, std::move(database), cache, errors, options.disk_bytes_kept_free);
    TRY_VOID(check_owner(*engine, options.hub, store_format));
    return engine;
}

Result<std::unique_ptr<Engine>> open_rocksdb(const std::filesystem::path& folder,
                                             const RocksDbOptions& options) {
    return open_rocksdb_on(*rocksdb::Env::Default(), folder, options);
}

}  // namespace twinhub::store

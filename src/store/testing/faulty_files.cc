#include "store/testing/faulty_files.h"

#include <rocksdb/system_clock.h>

#include <numeric>
#include <thread>
#include <utility>

namespace twinhub::store {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Passes on what does not fail, and remembers how much of it would survive.
class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    FaultyFile(FaultyFiles& files, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)), files_(files), path_(std::move(path)) {}

    IOStatus Append(const rocksdb::Slice& bytes, const IOOptions& options,
                    IODebugContext* debug) override {
        const IOStatus fault = files_.next(Call::append);
        const std::size_t written = fault.ok() ? bytes.size() : bytes.size() / 2;
        IOStatus status = target()->Append({bytes.data(), written}, options, debug);
        if (status.ok()) bytes_ += written;
        size_ = std::max(size_, bytes_);
        files_.mark_written(path_, bytes_);
        return fault.ok() ? status : fault;
    }
    IOStatus Append(const rocksdb::Slice& bytes, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
        return Append(bytes, options, debug);
    }
    // Of zeros ahead of the end (rocksdb/zeroed_log.h).
    IOStatus PositionedAppend(const rocksdb::Slice& bytes, std::uint64_t at,
                              const IOOptions& options, IODebugContext* debug) override {
        const IOStatus fault = files_.next(Call::append);
        const std::size_t written = fault.ok() ? bytes.size() : bytes.size() / 2;
        IOStatus status = target()->PositionedAppend({bytes.data(), written}, at, options, debug);
        if (status.ok()) size_ = std::max(size_, at + written);
        return fault.ok() ? status : fault;
    }
    IOStatus Truncate(std::uint64_t size, const IOOptions& options,
                      IODebugContext* debug) override {
        bytes_ = std::min(bytes_, size);
        size_ = std::min(size_, size);
        return target()->Truncate(size, options, debug);
    }
    IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus fault = files_.next(Call::flush);
        return fault.ok() ? target()->Flush(options, debug) : fault;
    }
    IOStatus Sync(const IOOptions&, IODebugContext*) override {
        const IOStatus fault = files_.next(Call::sync);
        if (fault.ok()) files_.mark_synced(path_, bytes_, size_);
        return fault;
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        return Sync(options, debug);
    }
    // A hint to the system: nothing is promised by it.
    IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus fault = files_.next(Call::close);
        IOStatus status = target()->Close(options, debug);
        return fault.ok() ? status : fault;
    }

private:
    FaultyFiles& files_;
    std::string path_;
    std::uint64_t bytes_ = 0;  // appended
    std::uint64_t size_ = 0;   // with the zeros behind them
};

class FaultyFolder final : public rocksdb::FSDirectory {
public:
    FaultyFolder(FaultyFiles& files, std::string path) : files_(files), path_(std::move(path)) {}

    IOStatus Fsync(const IOOptions&, IODebugContext*) override {
        const IOStatus fault = files_.next(Call::sync_folder);
        if (fault.ok()) files_.mark_folder_synced(path_);
        return fault;
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

private:
    FaultyFiles& files_;
    std::string path_;
};

namespace {

class HastyClock final : public rocksdb::SystemClockWrapper {
public:
    HastyClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
    const char* Name() const override { return "HastyClock"; }
    void SleepForMicroseconds(int) override { std::this_thread::yield(); }
};

class FaultyEnv final : public rocksdb::EnvWrapper {
public:
    explicit FaultyEnv(std::shared_ptr<FaultyFiles> files) : EnvWrapper(rocksdb::Env::Default()) {
        file_system_ = std::move(files);
        system_clock_ = std::make_shared<HastyClock>();
    }
};

std::filesystem::path plain(const std::filesystem::path& path) {
    auto normal = path.lexically_normal();
    return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

FaultyFiles::FaultyFiles() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

void FaultyFiles::fail(std::optional<Call> kind, std::uint64_t first, std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    kind_ = kind;
    first_ = first;
    count_ = count;
    seen_ = 0;
    calls_ = {};
}

void FaultyFiles::heal() {
    fail(std::nullopt, for_ever, 0);
    set_full(false);
}

std::uint64_t FaultyFiles::calls() const {
    const std::lock_guard lock(mutex_);
    return std::accumulate(calls_.begin(), calls_.end(), std::uint64_t{0});
}

std::uint64_t FaultyFiles::calls(Call kind) const {
    const std::lock_guard lock(mutex_);
    return calls_[static_cast<std::size_t>(kind)];
}

void FaultyFiles::set_free_bytes(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    free_bytes_ = bytes;
}

void FaultyFiles::set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
}

IOStatus FaultyFiles::next(Call kind) {
    const std::lock_guard lock(mutex_);
    ++calls_[static_cast<std::size_t>(kind)];
    if (!kind_ || *kind_ == kind) {
        const std::uint64_t number = seen_++;
        if (number >= first_ && number - first_ < count_) return IOStatus::IOError("a bad disk");
    }
    if (full_ && kind == Call::append) {
        IOStatus status = IOStatus::NoSpace("a full disk");
        status.SetRetryable(true);  // as the real files say
        return status;
    }
    return IOStatus::OK();
}

void FaultyFiles::mark_written(const std::string& path, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    contents_[plain(path)].written = bytes;
}

void FaultyFiles::mark_synced(const std::string& path, std::uint64_t bytes, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    Content& content = contents_[plain(path)];
    content.synced = bytes;
    content.synced_size = size;
}

void FaultyFiles::mark_folder_synced(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const std::filesystem::path folder = plain(path);
    std::erase_if(names_,
                  [&](const NameChange& change) { return change.path.parent_path() == folder; });
}

// Moves a file out of sight.
std::filesystem::path FaultyFiles::keep(const std::filesystem::path& path) {
    auto kept = removed_.path() / std::to_string(removed_count_++);
    std::error_code error;
    std::filesystem::rename(path, kept, error);
    return error ? std::filesystem::path() : kept;
}

void FaultyFiles::undo(const NameChange& change) {
    std::error_code ignored;  // a file that was created, renamed and removed is gone already
    if (!change.from.empty()) std::filesystem::rename(change.path, change.from, ignored);
    else if (!change.removed) std::filesystem::remove(change.path, ignored);
    if (!change.replaced.empty()) std::filesystem::rename(change.replaced, change.path, ignored);
}

void FaultyFiles::restore_power(Unsynced unsynced) {
    {
        const std::lock_guard lock(mutex_);
        const std::size_t names_kept = unsynced == Unsynced::lost   ? 0
                                       : unsynced == Unsynced::half ? names_.size() / 2
                                                                    : names_.size();
        for (const auto& [path, content] : contents_) {
            std::error_code gone;
            const std::uint64_t size = std::filesystem::file_size(path, gone);
            if (gone || size <= content.synced || unsynced == Unsynced::kept) continue;
            const std::uint64_t more =
                unsynced == Unsynced::half && content.written > content.synced
                    ? (content.written - content.synced) / 2
                    : 0;
            std::filesystem::resize_file(path, content.synced + more);
            // Where zeros were synced, they are what the disk still has.
            if (content.synced_size > content.synced + more)
                std::filesystem::resize_file(path, content.synced_size);
        }
        for (; names_.size() > names_kept; names_.pop_back()) undo(names_.back());
        names_.clear();
        contents_.clear();
    }
    heal();
}

IOStatus FaultyFiles::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      IODebugContext* debug) {
    if (const IOStatus fault = next(Call::open); !fault.ok()) return fault;
    std::unique_ptr<rocksdb::FSWritableFile> file;
    {
        const std::lock_guard lock(mutex_);
        NameChange change{.path = plain(path), .from = {}, .replaced = {}};
        if (std::filesystem::exists(path)) change.replaced = keep(path);
        names_.push_back(std::move(change));
        contents_[plain(path)] = {};
    }
    const IOStatus status = target()->NewWritableFile(path, options, &file, debug);
    if (status.ok()) *result = std::make_unique<FaultyFile>(*this, path, std::move(file));
    return status;
}

IOStatus FaultyFiles::NewDirectory(const std::string& path, const IOOptions&,
                                   std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) {
    *result = std::make_unique<FaultyFolder>(*this, path);
    return IOStatus::OK();
}

IOStatus FaultyFiles::RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                                 IODebugContext*) {
    if (IOStatus fault = next(Call::rename); !fault.ok()) return fault;
    const std::lock_guard lock(mutex_);
    NameChange change{.path = plain(to), .from = plain(from), .replaced = {}};
    if (std::filesystem::exists(to)) change.replaced = keep(to);
    std::error_code error;
    std::filesystem::rename(from, to, error);
    if (error) return IOStatus::IOError(error.message());
    if (auto content = contents_.extract(change.from)) {
        content.key() = change.path;
        contents_.erase(change.path);
        contents_.insert(std::move(content));
    }
    names_.push_back(std::move(change));
    return IOStatus::OK();
}

IOStatus FaultyFiles::LinkFile(const std::string& from, const std::string& to,
                               const IOOptions& options, IODebugContext* debug) {
    if (IOStatus fault = next(Call::rename); !fault.ok()) return fault;
    IOStatus status = target()->LinkFile(from, to, options, debug);
    const std::lock_guard lock(mutex_);
    if (status.ok()) names_.push_back({.path = plain(to), .from = {}, .replaced = {}});
    return status;
}

IOStatus FaultyFiles::DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) {
    if (IOStatus fault = next(Call::remove); !fault.ok()) return fault;
    const std::lock_guard lock(mutex_);
    if (!std::filesystem::exists(path)) return IOStatus::PathNotFound(path);
    names_.push_back({.path = plain(path), .from = {}, .replaced = keep(path), .removed = true});
    return IOStatus::OK();
}

IOStatus FaultyFiles::GetFreeSpace(const std::string& path, const IOOptions& options,
                                   std::uint64_t* bytes, IODebugContext* debug) {
    {
        const std::lock_guard lock(mutex_);
        if (free_bytes_) {
            *bytes = *free_bytes_;
            return IOStatus::OK();
        }
    }
    return target()->GetFreeSpace(path, options, bytes, debug);
}

std::unique_ptr<rocksdb::Env> make_env(std::shared_ptr<FaultyFiles> files) {
    return std::make_unique<FaultyEnv>(std::move(files));
}

}  // namespace twinhub::store

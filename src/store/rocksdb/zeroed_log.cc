#include "store/rocksdb/zeroed_log.h"

#include <string>

namespace twinhub::store {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class ZeroedLog final : public rocksdb::FSWritableFileOwnerWrapper {
public:
    explicit ZeroedLog(std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)) {}

    IOStatus Append(const rocksdb::Slice& bytes, const IOOptions& options,
                    IODebugContext* debug) override {
        return append(bytes, options, debug,
                      [&] { return target()->Append(bytes, options, debug); });
    }
    IOStatus Append(const rocksdb::Slice& bytes, const IOOptions& options,
                    const rocksdb::DataVerificationInfo& check, IODebugContext* debug) override {
        return append(bytes, options, debug,
                      [&] { return target()->Append(bytes, options, check, debug); });
    }
    IOStatus Truncate(std::uint64_t size, const IOOptions& options,
                      IODebugContext* debug) override {
        IOStatus status = target()->Truncate(size, options, debug);
        if (status.ok()) end_ = zeroed_to_ = size;
        return status;
    }
    std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return end_; }
    IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus cut = end_ < zeroed_to_ ? Truncate(end_, options, debug) : IOStatus::OK();
        IOStatus closed = target()->Close(options, debug);
        return cut.ok() ? closed : cut;
    }

private:
    template <class Write>
    IOStatus append(const rocksdb::Slice& bytes, const IOOptions& options, IODebugContext* debug,
                    Write&& write) {
        if (IOStatus status = make_room(bytes.size(), options, debug); !status.ok()) return status;
        IOStatus status = write();
        if (status.ok()) end_ += bytes.size();
        return status;
    }

    // Before the write, not behind it: what is appended must not wait in the same sync for zeros
    // that nobody needs yet.
    IOStatus make_room(std::size_t bytes, const IOOptions& options, IODebugContext* debug) {
        if (end_ + bytes <= zeroed_to_) return IOStatus::OK();
        static const std::string zeros(zeros_ahead_bytes, '\0');
        // Written by position, so that appending goes on where it was.
        const std::uint64_t from = end_ + bytes;
        IOStatus status = target()->PositionedAppend(zeros, from, options, debug);
        if (status.ok()) zeroed_to_ = from + zeros.size();
        return status;
    }

    std::uint64_t end_ = 0;
    std::uint64_t zeroed_to_ = 0;
};

class ZeroedLogs final : public rocksdb::FileSystemWrapper {
public:
    explicit ZeroedLogs(std::shared_ptr<rocksdb::FileSystem> base)
        : FileSystemWrapper(std::move(base)) {}
    const char* Name() const override { return "ZeroedLogs"; }

    IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* result,
                             IODebugContext* debug) override {
        std::unique_ptr<rocksdb::FSWritableFile> file;
        IOStatus status = target()->NewWritableFile(path, options, &file, debug);
        if (!status.ok()) return status;
        if (path.ends_with(".log")) *result = std::make_unique<ZeroedLog>(std::move(file));
        else *result = std::move(file);
        return status;
    }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> with_zeroed_logs(std::shared_ptr<rocksdb::FileSystem> base) {
    return std::make_shared<ZeroedLogs>(std::move(base));
}

}  // namespace twinhub::store

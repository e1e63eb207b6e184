#include "store/rocksdb/bulk_load.h"

#include "store/rocksdb/status.h"

#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>

#include <system_error>

namespace twinhub::store {
namespace {

constexpr std::uint64_t file_bytes_max = std::uint64_t{64} << 20;

}  // namespace

BulkLoad::BulkLoad(std::filesystem::path folder) : folder_(std::move(folder)) {}

BulkLoad::~BulkLoad() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

Result<> BulkLoad::write(const rocksdb::Options& options, const Source& source) {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
    if (!std::filesystem::create_directory(folder_, error))
        return failure(Code::internal,
                       "Making the folder of a bulk load failed: " + error.message());

    const auto failed = [](const rocksdb::Status& status) {
        return std::unexpected(error_of(status, "Writing a bulk load"));
    };
    rocksdb::SstFileWriter file{rocksdb::EnvOptions(), options};
    bool open = false;
    const Source records = rising(source);
    while (true) {
        TRY(const std::optional<Entry> entry, records());
        if (!entry) break;
        if (!open) {
            files_.push_back(folder_ / (std::to_string(files_.size()) + ".sst"));
            if (const auto status = file.Open(files_.back()); !status.ok()) return failed(status);
            open = true;
        }
        if (const auto status = file.Put({entry->key.data(), entry->key.size()},
                                         {entry->value.data(), entry->value.size()});
            !status.ok())
            return failed(status);
        if (file.FileSize() < file_bytes_max) continue;
        if (const auto status = file.Finish(); !status.ok()) return failed(status);
        open = false;
    }
    if (open)
        if (const auto status = file.Finish(); !status.ok()) return failed(status);
    return {};
}

}  // namespace twinhub::store

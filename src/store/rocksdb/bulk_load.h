#pragma once

#include "store/engine.h"

#include <filesystem>
#include <string>
#include <vector>

namespace rocksdb {
struct Options;
}  // namespace rocksdb

namespace twinhub::store {

// Writes the sorted files of one bulk load into a folder of their own, which is emptied first and
// removed at the end, whatever became of the load.
class BulkLoad {
public:
    explicit BulkLoad(std::filesystem::path folder);
    ~BulkLoad();
    BulkLoad(const BulkLoad&) = delete;
    BulkLoad& operator=(const BulkLoad&) = delete;

    // Takes everything from `source`; the files are complete and synced when it returns. Errors:
    // argument_invalid when keys do not rise, internal, the source's.
    Result<> write(const rocksdb::Options& options, const Source& source);
    const std::vector<std::string>& files() const { return files_; }

private:
    std::filesystem::path folder_;
    std::vector<std::string> files_;
};

}  // namespace twinhub::store

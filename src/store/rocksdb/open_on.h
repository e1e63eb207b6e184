#pragma once

#include "store/rocksdb/rocksdb_engine.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace twinhub::store {

// open_rocksdb with the files of `env`, which must outlive the engine: tests let them fail.
Result<std::unique_ptr<Engine>> open_rocksdb_on(rocksdb::Env& env,
                                                const std::filesystem::path& folder,
                                                const RocksDbOptions& options);

}  // namespace twinhub::store

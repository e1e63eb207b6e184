#pragma once

#include "store/batch.h"
#include "store/rocksdb/rocksdb_engine.h"

#include <memory>

namespace rocksdb {
class Cache;
class EventListener;
struct ColumnFamilyOptions;
struct DBOptions;
}  // namespace rocksdb

namespace twinhub::store {

// Our choices among RocksDB's settings, each with its reason in tuning.cc.
void tune(rocksdb::DBOptions& target, const RocksDbOptions& options,
          std::shared_ptr<rocksdb::EventListener> listener);
void tune(rocksdb::ColumnFamilyOptions& target, Family family, const RocksDbOptions& options,
          std::shared_ptr<rocksdb::Cache> cache);

}  // namespace twinhub::store

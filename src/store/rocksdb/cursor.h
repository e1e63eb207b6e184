#pragma once

#include "store/engine.h"

#include <memory>

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Snapshot;
}  // namespace rocksdb

namespace twinhub::store {

// A cursor over RocksDB's iterator. `keep_alive` holds the snapshot while the cursor lives.
std::unique_ptr<Cursor> make_cursor(std::shared_ptr<const void> keep_alive, rocksdb::DB& db,
                                    rocksdb::ColumnFamilyHandle& handle,
                                    const rocksdb::Snapshot& snapshot, Family family, Range range);

}  // namespace twinhub::store

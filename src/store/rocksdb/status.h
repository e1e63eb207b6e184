#pragma once

#include "base/result.h"

#include <string_view>

namespace rocksdb {
class Status;
}  // namespace rocksdb

namespace twinhub::store {

// What RocksDB says, as our error: corrupted for damage, internal for the rest. `what` begins the
// message ("Reading twins"). RocksDB's own text names files and offsets, never keys or values.
Error error_of(const rocksdb::Status& status, std::string_view what);

}  // namespace twinhub::store

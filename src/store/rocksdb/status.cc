#include "store/rocksdb/status.h"

#include <rocksdb/status.h>

namespace twinhub::store {

Error error_of(const rocksdb::Status& status, std::string_view what) {
    std::string message(what);
    message.append(" failed: ").append(status.ToString());
    return {status.IsCorruption() ? Code::corrupted : Code::internal, std::move(message), {}};
}

}  // namespace twinhub::store

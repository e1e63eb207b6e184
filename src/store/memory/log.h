#pragma once

#include "store/batch.h"

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace twinhub::store::memory {

// A log as bytes on a disk, to be cut anywhere: one checked record a commit.
class Log {
public:
    void append(std::span<const Batch* const> batches);
    void sync() { synced_ = bytes_.size(); }
    std::size_t bytes() const { return bytes_.size(); }
    std::size_t unsynced_bytes() const { return bytes_.size() - synced_; }
    void clear();

    // The log after a crash that left only the first `unsynced` bytes of its unsynced end.
    Log cut(std::size_t unsynced) const;
    // Calls `apply` with each batch of each whole record, stops at the first that is not whole and
    // drops the rest.
    void replay(const std::function<void(const Batch&)>& apply);

private:
    std::string bytes_;  // records: body length, CRC-32C of the body (32 bit each), body
    std::size_t synced_ = 0;
};

}  // namespace twinhub::store::memory

#pragma once

#include <atomic>
#include <memory>

namespace rocksdb {
class EventListener;
}  // namespace rocksdb

namespace twinhub::store {

// What RocksDB reported from its background work: tells a commit that never reached the log (the
// disk is full, say, and a flush failed before) from one whose fate is unknown.
struct BackgroundErrors {
    std::atomic<bool> log_failed = false;    // a write to the log or to memory failed: for good
    std::atomic<bool> files_failed = false;  // a flush or compaction failed; RocksDB tries again
};

// `errors` is shared with the listener, which RocksDB keeps until its threads are gone.
std::shared_ptr<rocksdb::EventListener> make_listener(std::shared_ptr<BackgroundErrors> errors);

}  // namespace twinhub::store

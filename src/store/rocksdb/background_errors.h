#pragma once

#include <atomic>
#include <memory>
#include <thread>

namespace rocksdb {
class EventListener;
}  // namespace rocksdb

namespace twinhub::store {

// What RocksDB reports of its troubles: tells a commit that was turned away because of an earlier
// one (a flush found the disk full, say) from one that failed on its own way, whose fate is
// unknown.
struct BackgroundErrors {
    // The thread that commits, and whether a failure was met on it since it cleared this.
    std::atomic<std::thread::id> committing;
    std::atomic<bool> met_by_commit = false;
    // RocksDB takes no more writes until it is opened again.
    std::atomic<bool> for_good = false;
};

// `errors` is shared with the listener, which RocksDB keeps until its threads are gone. After a
// hard error that can be recovered from (a full disk) RocksDB waits for DB::Resume instead of
// looking for space every five seconds.
std::shared_ptr<rocksdb::EventListener> make_listener(std::shared_ptr<BackgroundErrors> errors);

}  // namespace twinhub::store

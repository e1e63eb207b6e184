#pragma once

#include "store/engine.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace twinhub::store {

// The store for tests: ordered maps, and beside them a log as a disk would hold it, so that a crash
// can be played: what was synced survives, of the rest as much as the test says. Faults are set
// from any thread at any time.
class MemoryEngine final : public Engine {
public:
    MemoryEngine();
    ~MemoryEngine() override;

    Result<> commit(std::span<const Batch* const> batches) override;
    Result<std::optional<std::string>> get(Family family, std::string_view key) const override;
    Cached get_cached(Family family, std::string_view key) const override;
    std::shared_ptr<const Snapshot> snapshot() const override;
    Result<> ingest(Family family, const Source& source) override;
    Result<> flush() override;
    Statistics statistics() const override;

    enum class Fault : std::uint8_t {
        refused,      // nothing reaches the log; unavailable, and the engine goes on
        sync_failed,  // in the log but not synced: internal, and no more commits until a crash()
    };
    // The `nth` commit or ingest from now (1: the next) and `times - 1` behind it fail.
    void fail_commits(std::uint64_t nth, Fault fault, std::uint64_t times = 1);
    void fail_reads(bool fail);  // get and cursors answer internal; get_cached asks the disk
    void set_cold(bool cold);    // get_cached always asks the disk
    // The nth get from now (1: the next) has read its value, and before it gives it, `meanwhile`
    // runs on its thread, once.
    void delay_read(std::uint64_t nth, std::function<void()> meanwhile);
    // False: commits answer before their sync, as a lying disk does, and a crash may lose them.
    void set_synced(bool synced);

    // Delay: from hold() on, commits stop between log and sync, not yet visible, until release()
    // or a crash.
    void hold();
    void release();
    void wait_until_held();  // returns once a commit stands there

    // The machine dies: this engine answers internal from now on, held commits included. Returns
    // the store as the next start finds it: all that was synced and the first `unsynced_bytes` of
    // the log behind it, of which a torn commit at the end does not count.
    std::unique_ptr<MemoryEngine> crash(std::size_t unsynced_bytes = 0);
    std::size_t unsynced_bytes() const;
    std::uint64_t commits() const;  // that succeeded

private:
    struct Core;
    std::shared_ptr<Core> core_;
};

}  // namespace twinhub::store

#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "store/batch.h"
#include "store/committer_metrics.h"
#include "store/engine.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace twinhub::store {

// Who submits: a shard (slot). Small numbers, dense from 0.
using Stream = std::uint32_t;

// Called once with what became of a batch, on the committer's thread, in submission order within a
// stream. Must not block, throw or submit. Success: durable and visible to reads. `unavailable`:
// not written. `internal`: see Engine::commit.
using Done = std::move_only_function<void(const Result<>&)>;

// One batch with its sender.
struct Submission {
    Stream stream = 0;
    std::uint64_t generation = 0;
    Batch batch;
    Done done;
};

struct CommitterOptions {
    // Largest write; a single batch may be larger and then goes alone.
    std::size_t write_bytes_max = std::size_t{4} << 20;
    // What may wait for the disk. A batch beyond it is refused (unavailable), with its generation.
    std::size_t queue_bytes_max = std::size_t{64} << 20;
    // Called on the committer's thread once the Dones of one write have all been called: the place
    // to wake each event loop once instead of once a batch. May be empty.
    std::function<void()> settled;
    // Numbers the writes that hold changes and leaves a row of each in the store (commit_index.h).
    // A store whose newest row cannot be read takes no changes (unavailable).
    bool index_changes = false;
    // With it: called on the committer's thread when such a write is durable and its Dones have
    // been called, with its number. Must be quick. May be empty.
    std::function<void(std::uint64_t)> indexed;
    // False: no thread; the owner calls run_once() instead (tests, simulation).
    bool threaded = true;
};

// Turns the open batches of all shards into few synced writes. An idle committer writes at once;
// whatever is submitted while a write syncs shares the next one, so the load itself sets the size
// of the groups and nothing ever waits for a timer.
//
// A shard computes each change on top of its newest pending one. So once a batch of a stream fails,
// every later batch of that stream and generation fails unwritten (unavailable), until the stream
// has dropped its pending changes and submits under a higher generation.
class Committer {
public:
    // `engine` and `clock` must outlive the committer; nobody else commits to `engine` meanwhile.
    Committer(Engine& engine, const Clock& clock, CommitterOptions options = {});
    ~Committer();  // stops
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    // Any thread; wakes the committer only when it sleeps. The submissions of one stream must be
    // ordered among themselves. Generations of a stream never fall. An empty batch is a barrier:
    // Done follows all earlier batches of the stream. After stop(): Done is called at once, here,
    // with unavailable.
    void submit(Stream stream, std::uint64_t generation, Batch batch, Done done);
    // The same for all that one turn of an event loop brought together, in order: one lock, one
    // wake-up, and one write for all of it when nothing else waits. Leaves `turn` empty.
    void submit(std::vector<Submission>& turn);

    // Writes all that was submitted, calls every Done, ends the thread. Idempotent; any thread but
    // the committer's own.
    void stop();

    // Without a thread: makes one write of what waits and calls the Dones; false when nothing
    // waited.
    bool run_once();

    const CommitterMetrics& metrics() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace twinhub::store

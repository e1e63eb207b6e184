#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace twinhub::store {

// How often a span fell below each power of two of microseconds. Written by one thread, read by
// any.
class LatencyHistogram {
public:
    static constexpr std::size_t bucket_count = 25;  // the last: 2^23 us (8.4 s) and above

    // The largest whole number of microseconds that bucket `index` counts; the last has no end.
    static constexpr std::uint64_t bucket_microseconds_max(std::size_t index) {
        return (std::uint64_t{1} << index) - 1;
    }
    void add(std::chrono::nanoseconds span);
    std::uint64_t count(std::size_t bucket) const {
        return buckets_[bucket].load(std::memory_order_relaxed);
    }
    std::uint64_t sum_microseconds() const { return sum_.load(std::memory_order_relaxed); }

private:
    std::array<std::atomic<std::uint64_t>, bucket_count> buckets_{};
    std::atomic<std::uint64_t> sum_ = 0;
};

// Counted since the committer was made; read at any time from any thread.
struct CommitterMetrics {
    std::atomic<std::uint64_t> commits = 0;         // writes that succeeded, one sync each
    std::atomic<std::uint64_t> commits_failed = 0;  // writes that the engine refused
    std::atomic<std::uint64_t> batches = 0;         // durable batches
    std::atomic<std::uint64_t> batches_failed =
        0;  // batches answered with an error, for any reason
    std::atomic<std::uint64_t> batches_refused = 0;  // of these, refused because the queue was full
    std::atomic<std::uint64_t> records = 0;          // durable operations
    std::atomic<std::uint64_t> bytes = 0;            // durable bytes
    std::atomic<std::uint64_t> queue_bytes = 0;      // waiting now, the write in progress included
    LatencyHistogram commit_time;                    // of one write with its sync
};

}  // namespace twinhub::store

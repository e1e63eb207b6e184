#include "store/committer_metrics.h"

#include <algorithm>
#include <bit>

namespace twinhub::store {

void LatencyHistogram::add(std::chrono::nanoseconds span) {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
    const auto microseconds = static_cast<std::uint64_t>(std::max<decltype(count)>(count, 0));
    const auto bucket = std::min<std::size_t>(
        static_cast<std::size_t>(std::bit_width(microseconds)), bucket_count - 1);
    buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(microseconds, std::memory_order_relaxed);
}

}  // namespace twinhub::store

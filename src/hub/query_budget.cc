#include "hub/query_budget.h"

#include <algorithm>

namespace twinhub::hub {

using std::chrono::nanoseconds;

void QueryBudget::fill(Bucket& bucket, Moment now) const {
    const double share = std::chrono::duration<double>(now - bucket.at) / std::chrono::minutes{1};
    const nanoseconds gained(
        static_cast<std::int64_t>(static_cast<double>(full_.count()) * std::min(share, 10.0)));
    bucket.left = std::min(full_, bucket.left + gained);
    bucket.at = now;
}

std::optional<std::chrono::seconds> QueryBudget::wait(const std::string& principal, Moment now) {
    const std::scoped_lock lock(mutex_);
    const auto found = buckets_.find(principal);
    if (found == buckets_.end()) return std::nullopt;
    Bucket& bucket = found->second;
    fill(bucket, now);
    if (bucket.left == full_) {
        buckets_.erase(found);
        return std::nullopt;
    }
    if (bucket.left > nanoseconds::zero()) return std::nullopt;
    const double missing = static_cast<double>(-bucket.left.count());
    const auto seconds =
        static_cast<std::int64_t>(60 * missing / static_cast<double>(full_.count()));
    return std::chrono::seconds(seconds + 1);
}

void QueryBudget::charge(const std::string& principal, nanoseconds work, Moment now) {
    if (full_ == nanoseconds::zero()) return;
    const std::scoped_lock lock(mutex_);
    Bucket& bucket = buckets_.try_emplace(principal, Bucket{full_, now}).first->second;
    fill(bucket, now);
    bucket.left -= work;
}

}  // namespace twinhub::hub

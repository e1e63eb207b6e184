#pragma once

#include "base/time.h"

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace twinhub::hub {

// How much work on the loops each principal's queries may still cause: a bucket that fills within a
// minute. Work is known only when it is done, so a bucket may go below empty once. Any thread.
class QueryBudget {
public:
    explicit QueryBudget(std::chrono::nanoseconds a_minute) : full_(a_minute) {}

    // How long this principal has to wait before its next query; nothing when it need not.
    std::optional<std::chrono::seconds> wait(const std::string& principal, Moment now);
    void charge(const std::string& principal, std::chrono::nanoseconds work, Moment now);

private:
    struct Bucket {
        std::chrono::nanoseconds left{};
        Moment at{};
    };
    void fill(Bucket& bucket, Moment now) const;

    std::chrono::nanoseconds full_;  // zero: no limit
    std::mutex mutex_;
    std::map<std::string, Bucket> buckets_;  // those that are not full
};

}  // namespace twinhub::hub

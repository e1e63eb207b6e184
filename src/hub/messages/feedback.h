#pragma once

#include "base/ids.h"
#include "base/random.h"
#include "base/task.h"
#include "base/time.h"
#include "hub/messages/cloud_message.h"
#include "hub/messages/feedback_signal.h"
#include "hub/messages/message_end.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

class Shards;

// The news that a sender asked for.
struct FeedbackRecord {
    std::string message_id;
    DeviceId device;
    std::string generation_id;  // of the device that the message was for
    MessageEnd end = MessageEnd::completed;
    Instant at{};
    friend bool operator==(const FeedbackRecord&, const FeedbackRecord&) = default;
};

struct FeedbackBatch {
    std::string lock_token;               // a UUID as lower-case text
    std::uint32_t delivery_count = 0;     // the most that one of the records was given out before
    std::vector<FeedbackRecord> records;  // never empty, oldest first
};

// The one queue of feedback of a hub (spec service-api 10.2). Callable on any loop; an answer is
// durable. Records are written in the same commit as the end that they tell.
class Feedback {
public:
    Feedback(Shards& shards, Random& random, std::shared_ptr<FeedbackSignal> signal)
        : shards_(shards), random_(random), signal_(std::move(signal)) {}

    // Locks what waits, up to some size; nothing when nothing does.
    Task<Result<std::optional<FeedbackBatch>>> receive();
    // Completing and rejecting remove the records of a batch, abandoning gives them back. Errors:
    // message_lock_lost, unavailable.
    Task<Result<>> settle(std::string lock_token, Outcome outcome);

    // Calls `ready` on that loop, once now and then each time that there may be something new to
    // receive, until what it returns is destroyed (on that loop).
    std::unique_ptr<FeedbackSignal::Subscription> listen(Executor executor,
                                                         std::function<void()> ready) {
        return signal_->listen(std::move(executor), std::move(ready));
    }

private:
    Shards& shards_;
    Random& random_;
    std::shared_ptr<FeedbackSignal> signal_;
    std::atomic<std::size_t> first_ = 0;  // the shard that is asked first
};

}  // namespace twinhub::hub

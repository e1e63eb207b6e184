#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "hub/commit_queue.h"
#include "hub/messages/feedback.h"
#include "hub/messages/message_record.h"
#include "hub/metrics.h"
#include "hub/settings.h"
#include "store/engine.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace twinhub::hub {

// The feedback of a shard's devices, on the shard's loop: what one reader of the whole hub gets
// from here. All of it is in memory, so there is a limit: beyond it the oldest is dropped.
class FeedbackQueue {
public:
    struct Parts {
        const Settings& settings;
        const Clock& clock;
        Log& log;
        Metrics& metrics;
        CommitQueue& commits;
        std::shared_ptr<FeedbackSignal> signal;
        std::uint32_t shards = 1;  // that share the hub's limit
    };
    explicit FeedbackQueue(const Parts& parts) : parts_(parts) {}

    // At start, before the loop runs: all that is stored for a slot.
    Result<> recover(Slot slot, const store::Engine& engine);

    // Puts a record into the open batch; it can be received once that is durable.
    void stage(FeedbackRecord record);

    // Adds the oldest records that wait, up to `count_max`, to the batch with this token.
    void lock(FeedbackBatch& batch, std::size_t count_max);
    // `done` once it is durable. Errors: message_lock_lost when nothing is locked under the token.
    void settle(std::string_view lock_token, Outcome outcome, SettleDone done);

    void tick();
    std::size_t size() const { return records_.size(); }

private:
    enum class State : std::uint8_t { staged, waiting, locked, ending };
    struct Record {
        StoredFeedback stored;
        Slot slot = 0;
        std::uint64_t sequence = 0;
        State state = State::staged;
    };
    using Place = std::pair<Instant, std::uint64_t>;  // when it happened; then as it came
    struct Lock {
        std::vector<Place> places;
        Moment ends{};
    };

    void put(const Record& record);
    void remove(Place place, Record& record);
    void give_back(const Lock& lock);
    void counted();

    Parts parts_;
    std::map<Place, Record> records_;
    std::unordered_map<std::string, Lock> locks_;
    std::unordered_map<Slot, std::uint64_t> last_sequence_;
    std::uint64_t arrivals_ = 0;
    Moment next_look_{};
    std::size_t shown_ = 0;
};

}  // namespace twinhub::hub

#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/task.h"
#include "hub/commit_queue.h"
#include "hub/device_door.h"
#include "hub/messages/feedback_queue.h"
#include "hub/messages/message_record.h"
#include "hub/metrics.h"
#include "hub/settings.h"
#include "store/engine.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace twinhub::hub {

// The messages that wait for the devices of a shard, on the shard's loop. Their heads are in
// memory, their bodies are read when they are delivered. A message is seen once it is durable, and
// gone once its end is.
class MessageQueues {
public:
    struct Parts {
        const Settings& settings;
        const store::Engine& engine;
        const Clock& clock;
        Random& random;
        Log& log;
        Metrics& metrics;
        CommitQueue& commits;
        FeedbackQueue& feedback;
        Executor executor;
        Executor pool;
        std::uint32_t shards = 1;  // that share the hub's limit
        // A device has so many messages now.
        std::function<void(const TwinId&, std::uint32_t)> show;
    };
    explicit MessageQueues(Parts parts) : parts_(std::move(parts)) {}

    // At start, before the loop runs: all that is stored for a slot.
    Result<> recover(Slot slot);
    std::uint32_t count(const TwinId& device) const;  // durable ones that have not ended

    // --- the device exists ---------------------------------------------------------------------
    using Sent = std::move_only_function<void(Result<std::uint64_t>)>;  // the sequence, or how many
    using Received = std::move_only_function<void(Result<std::optional<LockedMessage>>)>;
    // Errors: message_queue_full, unavailable.
    void send(const TwinId& device, const std::string& generation_id, CloudMessage message,
              Sent done);
    void purge(const TwinId& device, Sent done);
    // Locks the oldest message for nobody in particular.
    void receive(const TwinId& device, Received done);
    // The identity is being deleted in the open batch: so are its messages.
    void remove_all(const TwinId& device);

    // --- its link ------------------------------------------------------------------------------
    void want(const TwinId& device, DeviceLink& link, std::uint32_t credit);
    // What the link did not settle waits again; `counts` whether that was a delivery in vain.
    void let_go(const TwinId& device, const DeviceLink& link, bool counts);
    void settle(const TwinId& device, std::string_view lock_token, Outcome outcome,
                SettleDone done);

    void tick();
    std::size_t waiting() const { return waiting_; }

private:
    enum class State : std::uint8_t { staged, waiting, locked, ending };
    struct Message {
        MessageHead head;
        State state = State::staged;
        bool durable = false;
        std::string lock_token;
        const DeviceLink* holder = nullptr;  // a locked one's; nullptr: a receiver without link
        Moment lock_ends{};
    };
    struct Queue {
        explicit Queue(TwinId id) : device(std::move(id)) {}
        TwinId device;
        std::vector<Message> messages;  // sequences rise
        DeviceLink* link = nullptr;     // wants messages
        std::uint32_t credit = 0;
        std::uint32_t shown = 0;
        bool reading = false;  // a body is on its way from the disk
        bool pumping = false;  // somewhere up the stack
        bool stuck = false;    // the disk failed: not before the next look
        Instant next_expiry = Instant::max();

        Message* find(std::uint64_t sequence);
        Message* locked_under(std::string_view lock_token);
    };

    Queue* find(const TwinId& device);
    Queue& queue(const TwinId& device);
    void pump(Queue& queue);
    Message* next(Queue& queue);
    void lock(Queue& queue, Message& message, const DeviceLink* holder);
    void release(Queue& queue, Message& message, bool counts);
    using Settled = std::move_only_function<void(const Result<>&)>;
    void end(Queue& queue, Message& message, MessageEnd how, Settled done = nullptr);
    void put_head(const TwinId& device, const MessageHead& head);
    using Body = Result<std::optional<std::string>>;
    void read_body(const TwinId& device, std::uint64_t sequence,
                   std::move_only_function<void(Body)> done);
    void arrived(Queue& queue, std::uint64_t sequence, std::string_view lock_token,
                 const Body& body);
    Result<LockedMessage> put_together(const Queue& queue, const Message& message,
                                       const Body& body);
    void unreadable(Queue& queue, Message& message, const Error& why);
    void changed(Queue& queue);
    void expire(Queue& queue);
    void tidy(const TwinId& device);

    Parts parts_;
    std::unordered_map<TwinId, Queue> queues_;
    std::set<std::pair<Instant, Queue*>> expiries_;  // of queues with a message that waits
    std::unordered_set<Queue*> attended_;            // have locks, or are stuck
    std::unordered_map<Slot, std::uint64_t> last_sequence_;
    std::size_t waiting_ = 0;
    Moment next_look_{};
};

}  // namespace twinhub::hub

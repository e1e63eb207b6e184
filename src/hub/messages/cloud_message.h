#pragma once

#include "base/result.h"
#include "base/time.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

// Of which ends of a message its sender wants to hear (see feedback.h). Stored: never renumber.
enum class Acknowledge : std::uint8_t { none = 0, positive = 1, negative = 2, full = 3 };

// A property of the application; without a value it is there all the same.
struct MessageProperty {
    std::string name;
    std::optional<std::string> value;
    friend bool operator==(const MessageProperty&, const MessageProperty&) = default;
};

// A message to a device, as its sender wrote it. Empty text: not said.
struct CloudMessage {
    std::string message_id;
    std::string correlation_id;
    std::string user_id;
    std::string to;  // empty: the device's own address, as its door writes it
    std::string content_type;
    std::string content_encoding;
    Instant expires = never;  // never: after the hub's time to live
    Acknowledge acknowledge = Acknowledge::none;
    std::vector<MessageProperty> properties;  // in order
    std::string payload;
    friend bool operator==(const CloudMessage&, const CloudMessage&) = default;
};

// A message in the hands of a device: nobody else gets it until it is settled or the lock ends.
struct LockedMessage {
    std::string lock_token;            // a UUID as lower-case text, new for each delivery
    std::uint64_t sequence = 0;        // rises from message to message of a device
    std::uint32_t delivery_count = 0;  // deliveries before this one that came to nothing
    Instant enqueued{};
    CloudMessage message;  // `expires` is set
};

// What became of a message in the hands of its receiver.
enum class Outcome : std::uint8_t {
    complete,  // taken: it is gone
    reject,    // never to be delivered again: it is gone, too
    abandon    // to be delivered again, at its old place
};

// What became of settling, once it is durable. Errors: message_lock_lost when the lock is not there
// (any more), unavailable when the store failed: then the message stays.
using SettleDone = std::move_only_function<void(const Result<>&)>;

}  // namespace twinhub::hub

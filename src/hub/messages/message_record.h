#pragma once

#include "base/ids.h"
#include "hub/messages/cloud_message.h"
#include "hub/messages/feedback.h"
#include "store/engine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What the store keeps of messages to devices and of their feedback (metadata family). A message is
// two records: the head, which a shard holds in memory while it waits, and the body, which is read
// when it is delivered.
namespace twinhub::hub {

inline constexpr std::uint16_t message_format = 1;
inline constexpr std::uint16_t feedback_format = 1;

struct MessageHead {
    std::uint64_t sequence = 0;
    Instant enqueued{};
    Instant expires{};
    Acknowledge acknowledge = Acknowledge::none;
    std::uint32_t delivery_count = 0;  // deliveries that came to nothing
    std::string message_id;
    std::string generation_id;  // of the device
    friend bool operator==(const MessageHead&, const MessageHead&) = default;
};
void append_encoded(std::string& out, const MessageHead& head);  // the sequence is in the key
Result<MessageHead> decode_message_head(std::string_view bytes);

// All of a message but what its head holds.
void append_message_body(std::string& out, const CloudMessage& message);
Result<CloudMessage> decode_message_body(std::string_view bytes);

// Feedback as it waits for its reader.
struct StoredFeedback {
    FeedbackRecord record;
    Instant expires{};
    std::uint32_t delivery_count = 0;
    friend bool operator==(const StoredFeedback&, const StoredFeedback&) = default;
};
void append_encoded(std::string& out, const StoredFeedback& feedback);
Result<StoredFeedback> decode_feedback(std::string_view bytes);

// Twin key of the device, sequence (8 bytes, big endian): the messages of a device are one range in
// their order. Bodies lie beside them in an area of their own.
std::string message_key(const TwinId& device, std::uint64_t sequence);
std::string message_body_key(const TwinId& device, std::uint64_t sequence);
store::Range messages_range(Slot slot);
struct MessageKey {
    TwinId device;
    std::uint64_t sequence = 0;
    friend bool operator==(const MessageKey&, const MessageKey&) = default;
};
std::optional<MessageKey> parse_message_key(std::string_view key);

// The newest sequence given out in a slot: none is used twice, whatever was deleted.
std::string last_message_key(Slot slot);
void seal_last_message(Slot slot, std::uint64_t sequence, std::string& out);
Result<std::uint64_t> open_last_message(Slot slot, std::string_view value);

// Slot (2 bytes, big endian), sequence (8 bytes, big endian).
std::string feedback_key(Slot slot, std::uint64_t sequence);
store::Range feedback_range(Slot slot);
std::optional<std::uint64_t> parse_feedback_key(std::string_view key);

}  // namespace twinhub::hub

#include "hub/messages/message_record.h"

#include "base/bytes.h"
#include "hub/record.h"
#include "store/keys.h"
#include "store/record.h"

namespace twinhub::hub {
namespace {

using store::Area;

constexpr std::size_t sequence_bytes = 8;

std::unexpected<Error> damaged(std::string_view what, std::size_t offset) {
    return failure(Code::corrupted, "A stored " + std::string(what) + " cannot be read",
                   "offset " + std::to_string(offset));
}

void append_instant_ticks(std::string& out, Instant at) {
    append_signed(out, at.time_since_epoch().count());
}
Instant read_instant(ByteReader& reader) { return Instant{Ticks{reader.signed_number()}}; }

void append_sequence(std::string& out, std::uint64_t sequence) {
    for (int shift = 56; shift >= 0; shift -= 8)
        out += static_cast<char>(static_cast<unsigned char>(sequence >> shift));
}

std::uint64_t read_sequence(std::string_view bytes) {
    std::uint64_t sequence = 0;
    for (const char byte : bytes) sequence = sequence << 8 | static_cast<unsigned char>(byte);
    return sequence;
}

std::string key_of(Area area, const TwinId& device, std::uint64_t sequence) {
    std::string key(1, static_cast<char>(area));
    store::append_twin_key(key, device);
    append_sequence(key, sequence);
    return key;
}

std::string slot_bytes(Slot slot) {
    return {static_cast<char>(static_cast<unsigned char>(slot >> 8)),
            static_cast<char>(static_cast<unsigned char>(slot & 255))};
}

store::Range slot_of_area(Area area, Slot slot) {
    return store::prefix_range(store::metadata_key(area, slot_bytes(slot)));
}

}  // namespace

void append_encoded(std::string& out, const MessageHead& head) {
    append_instant_ticks(out, head.enqueued);
    append_instant_ticks(out, head.expires);
    out += static_cast<char>(head.acknowledge);
    append_varint(out, head.delivery_count);
    append_text(out, head.message_id);
    append_text(out, head.generation_id);
}

Result<MessageHead> decode_message_head(std::string_view bytes) {
    ByteReader reader(bytes);
    MessageHead head;
    head.enqueued = read_instant(reader);
    head.expires = read_instant(reader);
    const std::uint8_t acknowledge = reader.byte();
    head.acknowledge = static_cast<Acknowledge>(acknowledge);
    head.delivery_count = static_cast<std::uint32_t>(reader.varint());
    head.message_id = reader.text();
    head.generation_id = reader.text();
    if (reader.failed() || acknowledge > 3) return damaged("message", reader.offset());
    return head;
}

void append_message_body(std::string& out, const CloudMessage& message) {
    append_text(out, message.correlation_id);
    append_text(out, message.user_id);
    append_text(out, message.to);
    append_text(out, message.content_type);
    append_text(out, message.content_encoding);
    append_varint(out, message.properties.size());
    for (const MessageProperty& property : message.properties) {
        append_text(out, property.name);
        out += property.value ? '\1' : '\0';
        if (property.value) append_text(out, *property.value);
    }
    append_text(out, message.payload);
}

Result<CloudMessage> decode_message_body(std::string_view bytes) {
    ByteReader reader(bytes);
    CloudMessage message;
    message.correlation_id = reader.text();
    message.user_id = reader.text();
    message.to = reader.text();
    message.content_type = reader.text();
    message.content_encoding = reader.text();
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        MessageProperty property{std::string(reader.text()), std::nullopt};
        if (reader.byte() != 0) property.value = reader.text();
        message.properties.push_back(std::move(property));
    }
    message.payload = reader.text();
    if (reader.failed()) return damaged("message", reader.offset());
    return message;
}

void append_encoded(std::string& out, const StoredFeedback& feedback) {
    const FeedbackRecord& record = feedback.record;
    append_text(out, record.message_id);
    append_text(out, record.device.text());
    append_text(out, record.generation_id);
    out += static_cast<char>(record.end);
    append_instant_ticks(out, record.at);
    append_instant_ticks(out, feedback.expires);
    append_varint(out, feedback.delivery_count);
}

Result<StoredFeedback> decode_feedback(std::string_view bytes) {
    ByteReader reader(bytes);
    StoredFeedback feedback;
    FeedbackRecord& record = feedback.record;
    record.message_id = reader.text();
    const auto device = DeviceId::parse(reader.text());
    record.generation_id = reader.text();
    const std::uint8_t end = reader.byte();
    record.end = static_cast<MessageEnd>(end);
    record.at = read_instant(reader);
    feedback.expires = read_instant(reader);
    feedback.delivery_count = static_cast<std::uint32_t>(reader.varint());
    if (reader.failed() || !device || end > static_cast<std::uint8_t>(MessageEnd::purged))
        return damaged("feedback record", reader.offset());
    record.device = *device;
    return feedback;
}

std::string message_key(const TwinId& device, std::uint64_t sequence) {
    return key_of(Area::message, device, sequence);
}
std::string message_body_key(const TwinId& device, std::uint64_t sequence) {
    return key_of(Area::message_body, device, sequence);
}
store::Range messages_range(Slot slot) { return slot_of_area(Area::message, slot); }

std::optional<MessageKey> parse_message_key(std::string_view key) {
    if (key.size() < 1 + sequence_bytes) return std::nullopt;
    const auto device = store::parse_twin_key(key.substr(1, key.size() - 1 - sequence_bytes));
    if (!device || device->is_module()) return std::nullopt;
    return MessageKey{*device, read_sequence(key.substr(key.size() - sequence_bytes))};
}

std::string last_message_key(Slot slot) {
    return store::metadata_key(Area::slot, slot_bytes(slot) + "message");
}

void seal_last_message(Slot slot, std::uint64_t sequence, std::string& out) {
    std::string body;
    append_varint(body, sequence);
    store::seal(store::Kind::hub_state, hub_state_format, last_message_key(slot), body, out);
}

Result<std::uint64_t> open_last_message(Slot slot, std::string_view value) {
    TRY(const store::Opened opened, store::open(store::Kind::hub_state, hub_state_format,
                                                "metadata", last_message_key(slot), value));
    ByteReader reader(opened.body);
    const std::uint64_t sequence = reader.varint();
    if (reader.failed()) return damaged("sequence of messages", reader.offset());
    return sequence;
}

std::string feedback_key(Slot slot, std::uint64_t sequence) {
    std::string text = slot_bytes(slot);
    append_sequence(text, sequence);
    return store::metadata_key(Area::feedback, text);
}
store::Range feedback_range(Slot slot) { return slot_of_area(Area::feedback, slot); }

std::optional<std::uint64_t> parse_feedback_key(std::string_view key) {
    if (key.size() != 1 + 2 + sequence_bytes) return std::nullopt;
    return read_sequence(key.substr(3));
}

}  // namespace twinhub::hub

#include "hub/messages/message_record.h"

#include "base/encoding.h"
#include "store/keys.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

const TwinId dev{DeviceId::parse("dev").value(), {}};
const Instant at{Ticks{17'000'000'000'000'000}};

// Written by an earlier release: must be read as long as its format number is.
TEST(MessageRecord, HasAStableForm) {
    const MessageHead head{.sequence = 0,
                           .enqueued = at,
                           .expires = at + std::chrono::hours{1},
                           .acknowledge = Acknowledge::full,
                           .delivery_count = 3,
                           .message_id = "m1",
                           .generation_id = "g"};
    std::string bytes;
    append_encoded(bytes, head);
    EXPECT_EQ(hex_encode(bytes), "8080f4929edab23c80a097afaadcb23c0303026d310167");
    EXPECT_EQ(decode_message_head(bytes).value(), head);

    CloudMessage message;
    message.correlation_id = "c";
    message.content_type = "t";
    message.properties = {{"a", "1"}, {"b", std::nullopt}};
    message.payload = "hi";
    bytes.clear();
    append_message_body(bytes, message);
    EXPECT_EQ(hex_encode(bytes), "01630000017400020161010131016200026869");
    EXPECT_EQ(decode_message_body(bytes).value(), message);

    const StoredFeedback feedback{.record = {.message_id = "m1",
                                             .device = dev.device,
                                             .generation_id = "g",
                                             .end = MessageEnd::rejected,
                                             .at = at},
                                  .expires = at,
                                  .delivery_count = 1};
    bytes.clear();
    append_encoded(bytes, feedback);
    EXPECT_EQ(hex_encode(bytes), "026d31036465760167038080f4929edab23c8080f4929edab23c01");
    EXPECT_EQ(decode_feedback(bytes).value(), feedback);
}

TEST(MessageRecord, HasStableKeysInTheOrderOfTheDevice) {
    const Slot slot = slot_of(dev.device);
    const std::string of_slot{static_cast<char>(slot >> 8), static_cast<char>(slot & 255)};
    EXPECT_EQ(message_key(dev, 0x0102), "q" + of_slot + std::string("dev\0\0\0\0\0\0\0\1\2", 12));
    EXPECT_EQ(message_body_key(dev, 1).substr(1), message_key(dev, 1).substr(1));
    EXPECT_EQ(message_body_key(dev, 1)[0], 'b');
    EXPECT_EQ(feedback_key(0x0102, 3), std::string("f\1\2\0\0\0\0\0\0\0\3", 11));
    EXPECT_EQ(last_message_key(0x0102), std::string("s\1\2message", 10));
    EXPECT_LT(message_key(dev, 255), message_key(dev, 256));
    EXPECT_TRUE(messages_range(slot).holds(message_key(dev, ~std::uint64_t{0})));
    EXPECT_EQ(parse_message_key(message_key(dev, 77)), (MessageKey{dev, 77}));
    EXPECT_EQ(parse_feedback_key(feedback_key(9, 78)), 78u);
    EXPECT_FALSE(parse_message_key("m"));
    EXPECT_FALSE(parse_feedback_key("f123"));
}

RC_GTEST_PROP(MessageRecord, AnyBytesAreAnswered, (const std::string& bytes)) {
    (void)decode_message_head(bytes);
    (void)decode_message_body(bytes);
    (void)decode_feedback(bytes);
    (void)parse_message_key(bytes);
    (void)parse_feedback_key(bytes);
    (void)open_last_message(1, bytes);
}

}  // namespace
}  // namespace twinhub::hub

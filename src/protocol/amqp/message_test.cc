#include "protocol/amqp/message.h"

#include "base/encoding.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace twinhub::protocol::amqp {
namespace {

std::string encoded(const Message& message) {
    std::string bytes;
    append_message(bytes, message);
    return bytes;
}

std::string hex(const Message& message) { return hex_encode(encoded(message)); }

Message with_status(std::int32_t status) {
    Message message;
    message.annotations = {{"status", Value::of_int(status)}};
    return message;
}

// Spec device-protocols 10.4.
TEST(AmqpMessage, EncodesTheVectorsOfTheSpecification) {
    Message operation;
    operation.annotations = {{"operation", Value::of_string("GET")}};
    EXPECT_EQ(hex(operation), "005372c11102a3096f7065726174696f6ea103474554");

    EXPECT_EQ(hex(with_status(200)), "005372c10e02a30673746174757371000000c8");

    Message reported = with_status(204);
    reported.annotations.emplace_back("version", Value::of_long(2));
    EXPECT_EQ(hex(reported), "005372c11904a30673746174757371000000cca30776657273696f6e5502");

    Message correlated;
    correlated.correlation_id = Value::of_string("4f1c");
    EXPECT_EQ(hex(correlated), "005373c00c064040404040a10434663163");

    Message response = with_status(200);
    response.correlation_id = Value::of_string("4f1c");
    response.data = {"{}"};
    EXPECT_EQ(hex(response),
              "005372c10e02a30673746174757371000000c8005373c00c064040404040a10434663163005375a0027b"
              "7d");
}

TEST(AmqpMessage, ComesBackAsItWasSent) {
    Message message;
    message.ttl = 5000;
    message.delivery_count = 2;
    message.annotations = {{"x-opt-sequence-number", Value::of_long(1 << 20)}};
    message.message_id = Value::of_ulong(7);
    message.user_id = "me";
    message.to = "/devices/d/messages/devicebound";
    message.subject = "s";
    message.reply_to = "cbs";
    message.correlation_id = Value::of_uuid("0123456789abcdef");
    message.content_type = "application/json";
    message.content_encoding = "utf-8";
    message.absolute_expiry = 1893456000123;
    message.creation_time = 1;
    message.application_properties = {{"a", Value::of_string("1")},
                                      {"b", Value::of_bool(true)},
                                      {"c", Value::of_int(-3)},
                                      {"empty", Value{}}};
    message.data = {std::string(300, 'x'), ""};
    EXPECT_EQ(decode_message(encoded(message)).value(), message);

    Message token;
    token.value = Value::of_string(std::string(500, 't'));
    EXPECT_EQ(decode_message(encoded(token)).value(), token);
    EXPECT_EQ(token.body(), std::string(500, 't'));
}

TEST(AmqpMessage, KeepsTheExactTypeOfACorrelationId) {
    const std::vector<Value> ids{Value::of_string("x"),
                                 Value::of_symbol("x"),
                                 Value::of_uuid("0123456789abcdef"),
                                 Value::of_ulong(0),
                                 Value::of_ulong(255),
                                 Value::of_ulong(std::uint64_t{1} << 63),
                                 Value::of_uint(3),
                                 Value::of_binary("\x01\x02"),
                                 Value{}};
    for (const Value& id : ids) {
        Message message;
        message.correlation_id = id;
        EXPECT_EQ(decode_message(encoded(message)).value().correlation_id, id);
    }
}

TEST(AmqpMessage, ReadsOverWhatItDoesNotUse) {
    // delivery annotations, an AMQP sequence, a footer; a symbolic descriptor is another section.
    const auto bytes = hex_decode("005371c10100005376c0020143005378c10100");
    ASSERT_TRUE(bytes);
    EXPECT_EQ(decode_message(*bytes).value(), Message{});
}

TEST(AmqpMessage, RefusesWhatIsNoMessage) {
    for (const char* text :
         {"00", "0053", "005375a1027b7d", "005375a0ff7b", "005373c00105", "005374c1020103", "ff",
          "005372d1ffffffff00000002", "005370c0", "0053ffa000"}) {
        const auto bytes = hex_decode(text);
        ASSERT_TRUE(bytes) << text;
        EXPECT_FALSE(decode_message(*bytes)) << text;
    }
    // A list in a list in a list, and an array that claims to be endless.
    std::string deep = *hex_decode("005377");
    for (int i = 0; i < 100; ++i) deep += *hex_decode("00");
    EXPECT_FALSE(decode_message(deep));
    EXPECT_FALSE(decode_message(*hex_decode("005377f0000000050fffffff45")));
}

RC_GTEST_PROP(AmqpMessage, IsReadOrRefusedWhateverTheBytes, (const std::string& bytes)) {
    const auto message = decode_message(bytes);
    if (message) RC_ASSERT(decode_message(encoded(*message)).has_value());
}

struct IntegerCase {
    const char* hex;
    Type type;
    std::int64_t number;
};

TEST(AmqpValue, ReadsEveryWidthOfAnInteger) {
    for (const IntegerCase& c : std::vector<IntegerCase>{{"5481", Type::int_, -127},
                                                         {"71ffffff38", Type::int_, -200},
                                                         {"71000000c8", Type::int_, 200},
                                                         {"5502", Type::long_, 2},
                                                         {"55ff", Type::long_, -1},
                                                         {"81ffffffffffffffff", Type::long_, -1},
                                                         {"43", Type::uint, 0},
                                                         {"52ff", Type::uint, 255},
                                                         {"7000000100", Type::uint, 256},
                                                         {"44", Type::ulong, 0},
                                                         {"5380", Type::ulong, 128},
                                                         {"50ff", Type::ubyte, 255},
                                                         {"51ff", Type::byte, -1},
                                                         {"60ffff", Type::ushort, 65535},
                                                         {"61fffe", Type::short_, -2}}) {
        const std::string bytes = *hex_decode(c.hex);
        Reader reader(bytes);
        const auto value = reader.value();
        ASSERT_TRUE(value) << c.hex;
        EXPECT_EQ(value->type, c.type) << c.hex;
        EXPECT_EQ(integer_of(*value), c.number) << c.hex;
        EXPECT_TRUE(reader.at_end()) << c.hex;
    }
}

TEST(AmqpValue, ShowsScalarsAsText) {
    EXPECT_EQ(shown(Value::of_bool(true)), "true");
    EXPECT_EQ(shown(Value::of_int(-5)), "-5");
    EXPECT_EQ(shown(Value::of_ulong(~std::uint64_t{0})), "18446744073709551615");
    EXPECT_EQ(shown(Value::of_uuid(*hex_decode("00112233445566778899aabbccddeeff"))),
              "00112233-4455-6677-8899-aabbccddeeff");
    EXPECT_EQ(shown(Value::of_timestamp(1893456000000)), "2030-01-01T00:00:00Z");
    EXPECT_EQ(shown(Value::of_timestamp(std::int64_t{1} << 62)), "4611686018427387904");
    EXPECT_EQ(shown(Value::of_binary("hi")), "aGk=");
    EXPECT_EQ(shown(Value{}), std::nullopt);
}

}  // namespace
}  // namespace twinhub::protocol::amqp

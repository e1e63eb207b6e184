// What goes over the links of a device: requests and answers as the SDKs write and read them.
#include "base/encoding.h"
#include "protocol/amqp/cbs.h"
#include "protocol/amqp/method_messages.h"
#include "protocol/amqp/telemetry.h"
#include "protocol/amqp/twin_messages.h"

#include <gmock/gmock.h>

namespace twinhub::protocol::amqp {
namespace {

using testing::ElementsAre;
using testing::Pair;

Message put(const char* operation, const char* type, const char* name, const char* token) {
    Message message;
    message.application_properties = {{"operation", Value::of_string(operation)},
                                      {"type", Value::of_string(type)},
                                      {"name", Value::of_string(name)}};
    message.value = Value::of_string(token);
    return message;
}

TEST(AmqpCbs, ReadsAToken) {
    const auto read =
        read_put_token(put("put-token", "servicebus.windows.net:sastoken", "h/devices/d", "SAS"));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->audience, "h/devices/d");
    EXPECT_EQ(read->token, "SAS");
}

TEST(AmqpCbs, RefusesWhatIsNoToken) {
    constexpr const char* type = "servicebus.windows.net:sastoken";
    EXPECT_FALSE(read_put_token(put("delete-token", type, "h", "SAS")));
    EXPECT_FALSE(read_put_token(put("put-token", "jwt", "h", "SAS")));
    EXPECT_FALSE(read_put_token(put("put-token", type, "", "SAS")));
    EXPECT_FALSE(read_put_token(put("put-token", type, "h", "")));
    EXPECT_FALSE(read_put_token(Message{}));
}

TEST(AmqpCbs, AnswersWithTheIdInItsOwnType) {
    for (const Value& id : {Value::of_string("uuid"), Value::of_ulong(3)}) {
        Message request;
        request.message_id = id;
        const Message response = cbs_response(request, 200, "OK");
        EXPECT_EQ(response.correlation_id, id);
        EXPECT_EQ(*find(response.application_properties, "status-code"), Value::of_int(200));
        EXPECT_EQ(*find(response.application_properties, "status-description"),
                  Value::of_string("OK"));
        ASSERT_TRUE(response.value);
        EXPECT_TRUE(response.value->is_null());
    }
}

TEST(AmqpCbs, ComparesAudienceAndResourceInAnySpelling) {
    EXPECT_TRUE(audience_matches("h%2Fdevices%2Fd", "h%2Fdevices%2Fd"));        // Node
    EXPECT_TRUE(audience_matches("h/devices/d", "h%2fdevices%2fd"));            // C
    EXPECT_TRUE(audience_matches("h/devices/d%401", "h%2fdevices%2fd%25401"));  // .NET
    EXPECT_TRUE(audience_matches("h/devices/d", "h"));
    EXPECT_TRUE(audience_matches("H/devices/d", "h/"));
    EXPECT_FALSE(audience_matches("h/devices/d", "h/devices/e"));
    EXPECT_FALSE(audience_matches("h/devices/dd", "h/devices/d"));
    EXPECT_FALSE(audience_matches("h", "h/devices/d"));
    EXPECT_FALSE(audience_matches("h", ""));
}

TEST(AmqpCbs, ReadsUserNamesOfPlain) {
    const auto device = parse_plain_user("d@1@sas.hub");
    ASSERT_TRUE(device);
    EXPECT_EQ(device->name, "d@1");
    EXPECT_EQ(device->hub, "hub");
    EXPECT_FALSE(device->is_policy);
    EXPECT_EQ(parse_plain_user("d/m@sas.hub")->name, "d/m");
    const auto policy = parse_plain_user("service@sas.root.hub");
    ASSERT_TRUE(policy);
    EXPECT_TRUE(policy->is_policy);
    EXPECT_EQ(policy->name, "service");
    EXPECT_EQ(policy->hub, "hub");
    for (const char* other :
         {"", "d", "@sas.hub", "d@sas.", "service@sas.root.", "0ne1/registrations/r"})
        EXPECT_FALSE(parse_plain_user(other)) << other;
}

Message twin(const char* operation, const char* resource, Value version = {}) {
    Message message;
    message.annotations = {{"operation", Value::of_string(operation)}};
    if (*resource != '\0') message.annotations.emplace_back("resource", Value::of_symbol(resource));
    message.annotations.emplace_back("version", std::move(version));
    return message;
}

TEST(AmqpTwin, ReadsTheFourRequests) {
    using Kind = TwinRequest::Kind;
    EXPECT_EQ(read_twin_request(twin("GET", ""))->kind, Kind::get);
    const auto report = read_twin_request(twin("PATCH", "/properties/reported"));
    EXPECT_EQ(report->kind, Kind::report);
    EXPECT_EQ(report->base_version, std::nullopt);
    EXPECT_EQ(
        read_twin_request(twin("PATCH", "/properties/reported", Value::of_long(7)))->base_version,
        7U);
    EXPECT_EQ(read_twin_request(twin("PUT", "/notifications/twin/properties/desired"))->kind,
              Kind::subscribe);
    EXPECT_EQ(read_twin_request(twin("DELETE", "/notifications/twin/properties/desired"))->kind,
              Kind::unsubscribe);
}

TEST(AmqpTwin, RefusesOtherRequests) {
    EXPECT_FALSE(read_twin_request(Message{}));
    EXPECT_FALSE(read_twin_request(twin("POST", "")));
    EXPECT_FALSE(read_twin_request(twin("PATCH", "/properties/desired")));
    EXPECT_FALSE(read_twin_request(twin("PUT", "/properties/reported")));
    EXPECT_FALSE(read_twin_request(twin("PATCH", "/properties/reported", Value::of_string("x"))));
    EXPECT_FALSE(read_twin_request(twin("PATCH", "/properties/reported", Value::of_int(-1))));
}

TEST(AmqpTwin, AnswersAndNotifiesInTheTypesThatClientsTake) {
    const Message answer = twin_response(Value::of_ulong(9), 204, 12, "");
    EXPECT_THAT(answer.annotations, ElementsAre(Pair("status", Value::of_int(204)),
                                                Pair("version", Value::of_long(12))));
    EXPECT_EQ(answer.correlation_id, Value::of_ulong(9));
    EXPECT_THAT(answer.data, ElementsAre(""));
    const Message change = desired_notification(3, "{\"$version\":3}");
    EXPECT_TRUE(change.correlation_id.is_null());
    EXPECT_THAT(change.annotations,
                ElementsAre(Pair("resource", Value::of_string("/properties/desired")),
                            Pair("version", Value::of_long(3))));
}

TEST(AmqpMethods, CarryTheirNumberInAUuid) {
    const std::uint64_t number = 0x0123456789abcdef;
    const Message request = method_request(number, "reboot", "{}");
    EXPECT_EQ(request.correlation_id.type, Type::uuid);
    // As azure-iot-amqp-base recognises one.
    EXPECT_THAT(shown(request.correlation_id).value(),
                testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}"
                                      "-[0-9a-f]{12}"));
    EXPECT_THAT(request.application_properties,
                ElementsAre(Pair("IoThub-methodname", Value::of_string("reboot"))));
    Message answer;
    answer.correlation_id = request.correlation_id;
    answer.application_properties = {{"IoThub-status", Value::of_int(-7)}};
    answer.data = {"{\"done\":true}"};
    const auto read = read_method_answer(answer);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->number, number);
    EXPECT_EQ(read->status, -7);
    EXPECT_EQ(read->payload, "{\"done\":true}");
    answer.correlation_id = Value::of_string("x");
    EXPECT_FALSE(read_method_answer(answer));
    answer.correlation_id = request.correlation_id;
    answer.application_properties.clear();
    EXPECT_FALSE(read_method_answer(answer));
}

TEST(AmqpTelemetry, GetsTheNamesOfEveryTransport) {
    Message message;
    message.message_id = Value::of_string("m1");
    message.correlation_id = Value::of_ulong(5);
    message.user_id = "u";
    message.to = "/elsewhere";
    message.content_type = "application/json";
    message.content_encoding = "utf-8";
    message.absolute_expiry = 1893456000000;
    message.annotations = {{"iothub-interface-id", Value::of_string("urn:x")},
                           {"dt-subject", Value::of_symbol("thermostat1")},
                           {"Diagnostic-Id", Value::of_string("d1")},
                           {"Correlation-Context", Value::of_string("c=1")}};
    message.application_properties = {{"level", Value::of_int(3)},
                                      {"iothub-outputname", Value::of_string("out1")},
                                      {"iothub-creation-time-utc", Value::of_string("now")}};
    message.data = {"21", ".5"};
    std::string bytes;
    append_message(bytes, message);
    const auto read = read_telemetry(bytes, 0);
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ(read->front().payload, "21.5");
    EXPECT_THAT(read->front().properties,
                ElementsAre(Pair("level", "3"), Pair("$.on", "out1"), Pair("$.ctime", "now"),
                            Pair("$.mid", "m1"), Pair("$.cid", "5"), Pair("$.uid", "u"),
                            Pair("$.to", "/elsewhere"), Pair("$.ct", "application/json"),
                            Pair("$.ce", "utf-8"), Pair("$.exp", "2030-01-01T00:00:00Z"),
                            Pair("$.ifid", "urn:x"), Pair("$.sub", "thermostat1"),
                            Pair("$.diagid", "d1"), Pair("$.diagctx", "c=1")));
}

TEST(AmqpTelemetry, ComesInBatches) {
    Message batch;
    for (const char* payload : {"one", "two"}) {
        Message message;
        message.application_properties = {{"n", Value::of_string(payload)}};
        message.data = {payload};
        std::string inner;
        append_message(inner, message);
        batch.data.push_back(std::move(inner));
    }
    std::string bytes;
    append_message(bytes, batch);
    const auto read = read_telemetry(bytes, batch_format);
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ((*read)[1].payload, "two");
    EXPECT_THAT((*read)[1].properties, ElementsAre(Pair("n", "two")));
    EXPECT_FALSE(read_telemetry("x", batch_format));
}

TEST(AmqpTelemetry, BatchesAreAsLongAsTheirBytesAllow) {
    Message batch;
    std::string inner;
    append_message(inner, {.data = {"1"}});
    batch.data.assign(20'000, inner);
    std::string bytes;
    append_message(bytes, batch);
    const auto read = read_telemetry(bytes, batch_format);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->size(), batch.data.size());
    batch.data.assign(60'000, inner);
    bytes.clear();
    append_message(bytes, batch);
    EXPECT_FALSE(read_telemetry(bytes, batch_format));
}

TEST(AmqpTelemetry, DoesNotRepeatTheAddressOfItsLink) {
    Message message;
    message.to = "/devices/d/messages/events";
    std::string bytes;
    append_message(bytes, message);
    EXPECT_THAT(read_telemetry(bytes, 0)->front().properties, ElementsAre());
}

TEST(AmqpTelemetry, MayBeEmpty) {
    const auto read = read_telemetry("", 0);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->front().payload, "");
}

}  // namespace
}  // namespace twinhub::protocol::amqp

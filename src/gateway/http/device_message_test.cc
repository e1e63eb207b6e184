#include "gateway/http/device_message.h"

#include <gmock/gmock.h>

namespace twinhub::gateway::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using Fields = std::vector<std::pair<std::string, std::string>>;

TEST(DeviceMessage, TakesItsPropertiesFromHeaderFields) {
    EXPECT_THAT(message_properties(Fields{{"iothub-to", "/devices/d/messages/events"},
                                          {"iothub-app-Room", "4 b"},
                                          {"IoTHub-App-x", ""},
                                          {"IoTHub-MessageId", "m1"},
                                          {"IoTHub-CorrelationId", "c1"},
                                          {"IoTHub-UserId", "u1"},
                                          {"IoTHub-Expiry", "2027-01-01T00:00:00Z"},
                                          {"IoTHub-Ack", "full"},
                                          {"iothub-contenttype", "application/json"},
                                          {"iothub-contentencoding", "utf-8"},
                                          {"iothub-interface-id", "urn:x"}}),
                ElementsAre(Pair("$.to", "/devices/d/messages/events"), Pair("Room", "4 b"),
                            Pair("x", ""), Pair("$.mid", "m1"), Pair("$.cid", "c1"),
                            Pair("$.uid", "u1"), Pair("$.exp", "2027-01-01T00:00:00Z"),
                            Pair("iothub-ack", "full"), Pair("$.ct", "application/json"),
                            Pair("$.ce", "utf-8"), Pair("$.ifid", "urn:x")));
}

TEST(DeviceMessage, LeavesOutFieldsThatSayNothingOfIt) {
    EXPECT_THAT(message_properties(Fields{{"iothub-errorcode", "x"}, {"iothub-app-", "x"}}),
                IsEmpty());
}

TEST(DeviceMessage, HasAHeaderFieldForEverySystemProperty) {
    EXPECT_EQ(header_of("$.mid"), "iothub-messageid");
    EXPECT_EQ(header_of("$.ctime"), "iothub-creationtimeutc");
    EXPECT_EQ(header_of("room"), "");
}

TEST(DeviceMessage, ComesInBatches) {
    const auto batch = parse_message_batch(
        R"([{"body":"YWJj","properties":{"iothub-app-Room":"4","iothub-messageid":"m","bare":""}},
            {"body":"a b","base64Encoded":false},
            {"body":"","base64Encoded":true}, {}])");
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    ASSERT_EQ(batch->size(), 4u);
    EXPECT_EQ(batch->at(0).payload, "abc");
    EXPECT_THAT(batch->at(0).properties,
                ElementsAre(Pair("Room", "4"), Pair("$.mid", "m"), Pair("bare", "")));
    EXPECT_EQ(batch->at(1).payload, "a b");
    EXPECT_EQ(batch->at(2).payload, "");
    EXPECT_EQ(batch->at(3).payload, "");
}

TEST(DeviceMessage, RefusesABatchWhole) {
    struct Case {
        const char* text;
        Code code;
        const char* where;
    };
    for (const Case& one :
         {Case{"", Code::format_invalid, ""}, Case{"{}", Code::format_invalid, ""},
          Case{"[{}", Code::format_invalid, ""}, Case{"[{},1]", Code::argument_invalid, "[1]"},
          Case{R"([{"body":1}])", Code::argument_invalid, "[0]"},
          Case{R"([{"body":"%%%"}])", Code::argument_invalid, "[0]"},
          Case{R"([{"body":"","base64Encoded":"no"}])", Code::argument_invalid, "[0]"},
          Case{R"([{"body":"","properties":[]}])", Code::argument_invalid, "[0]"},
          Case{R"([{"body":"","properties":{"a":1}}])", Code::argument_invalid, "[0]"}}) {
        const auto batch = parse_message_batch(one.text);
        ASSERT_FALSE(batch.has_value()) << one.text;
        EXPECT_EQ(batch.error().code, one.code) << one.text;
        if (*one.where != '\0') EXPECT_EQ(batch.error().where, one.where);
    }
}

TEST(DeviceMessage, KnowsABatchByItsMediaType) {
    EXPECT_TRUE(is_message_batch("application/vnd.microsoft.iothub.json"));
    EXPECT_TRUE(is_message_batch("Application/Vnd.Microsoft.IoTHub.Json ; charset=utf-8"));
    EXPECT_FALSE(is_message_batch("application/json"));
    EXPECT_FALSE(is_message_batch(""));
}

}  // namespace
}  // namespace twinhub::gateway::http
